/* Pins, epochs and the reuse of a region: what a pinned reader found stays until it lets go.
 *
 * Modelled: PIN (a cell shared by two threads: CAS {.,0} to {epoch,1}, else one more; release by subtraction),
 *   COMPACT 3, RETIRE, FREE: unlink, RETIRED, retire_epoch (tagged with the life, by whoever sees it first), epoch
 *   moved, pins scanned cell by cell, CAS RETIRED,g to FREE,g; the region's next life and its next reclaim, by two
 *   freers that may stop between any two steps.  A walker: it pins, loads the epoch once more, then reads the region,
 *   whatever the index says, but not if it was RETIRED before.
 * Property: a record found under a pin does not change until the pin is released, nor does a region that is walked
 *   through; what the index names is not FREE.
 * Bounds: one region, one or two lives, two cells (one of them shared by two threads), each reader once, as the
 *   scenes say.  Whether the epoch ever moves costs only time: who pins again and again at an old epoch delays the
 *   reuse.
 * Left out: the gate (gate, power_gate), dead readers, copies (relocate), late installers (late_install).
 *
 * scene shared quick: -DLIVES=1 -DSHARED -DOTHER -DMOVER
 * scene lives quick: -DLIVES=2 -DFREER -DOTHER
 * scene lives_shared: -DLIVES=2 -DSHARED
 * scene lives_freer: -DLIVES=2 -DFREER -DSHARED
 * scene walk quick: -DLIVES=2 -DWALKER -DMOVER
 * scene walk_freer: -DLIVES=2 -DWALKER -DMOVER -DFREER
 * scene walk_shared: -DLIVES=2 -DWALKER -DFREER -DOTHER
 * mutant NO_SCAN in shared: freed without a look at the pins
 * mutant EARLY_EPOCH in shared: retire_epoch read before the unlink: who pinned between is younger and still finds it
 * mutant NOTED_FIRST in walk: retire_epoch noted before RETIRED: who pins and walks in between is younger
 * mutant EPOCH_OF_PIN in walk: a walker goes by the epoch of its pin, which was loaded before the pin stood
 * mutant NO_SECOND_LOOK in walk_freer: who slept through a life notes the epoch of that life over the one of the next
 * mutant READ_FIRST in shared: the reader loads the index word, then pins
 * mutant FRESHER_PIN in shared: the second thread of a cell writes today's epoch over the one that protects the first
 * mutant NO_GENERATION in lives: the freer compares the state without its generation: a late one frees the next life
 */
#define OPEN 0
#define RETIRED 1
#define FREE 2

byte word = 1;      /* what the key's record is: 0 = elsewhere, L = in life L of the region */
byte life = 1;      /* generation in the state word */
byte state = OPEN;
byte content = 1;   /* what the bytes are: life L, or 0 while they are written over */
byte epoch = 1;
byte note_epoch, note_life;  /* retire_epoch, and its tag */
byte cell_epoch[2], cell_count[2];
byte freed;         /* ghost: how often */

/* One load of the cell, one CAS on all of it. */
inline pin(c) {
  do
  :: e = epoch;
     atomic { seen_epoch = cell_epoch[c]; seen_count = cell_count[c] }
     atomic {
       if
       :: cell_epoch[c] == seen_epoch && cell_count[c] == seen_count ->
          cell_count[c] = seen_count + 1;
          if
#ifdef MUTANT_FRESHER_PIN
          :: cell_epoch[c] = e
#else
          :: seen_count == 0 -> cell_epoch[c] = e
          :: else /* an old epoch is only stronger */
#endif
          fi;
          e = 0; seen_epoch = 0; seen_count = 0;
          break
       :: else -> e = 0; seen_epoch = 0; seen_count = 0
       fi
     }
  od
}
inline unpin(c) { atomic { cell_count[c] = cell_count[c] - 1 } }

proctype Reader(byte c) {
  byte e, seen_epoch, seen_count, found;
#ifdef MUTANT_READ_FIRST
  found = word;
  pin(c);
#else
  pin(c);
  found = word;
#endif
  if
  :: found != 0 -> assert(content == found); assert(content == found)
  :: else
  fi;
  found = 0;
  unpin(c)
}

#define IDLE_OR_YOUNGER(c) (cell_count[c] == 0 || cell_epoch[c] > e)

/* The epoch in which life `g` was RETIRED, into e; 0: it is over. */
inline retired_in() {
  atomic { seen_note = note_epoch; seen_tag = note_life };
  if
  :: seen_tag == g -> e = seen_note
  :: else ->
     atomic {
       if
#ifndef MUTANT_NO_SECOND_LOOK
       :: !(state == RETIRED && life == g) -> e = 0
#endif
       :: else -> e = 1
       fi
     };
     if
     :: e != 0 ->
        e = epoch;
        atomic {
          if
          :: note_epoch == seen_note && note_life == seen_tag -> note_epoch = e; note_life = g
          :: else ->
             if
             :: note_life == g -> e = note_epoch
             :: else -> e = 0
             fi
          fi
        }
     :: else
     fi
  fi;
  atomic { seen_note = 0; seen_tag = 0 }
}
inline move_past_e() {
  if
  :: epoch <= e ->
     atomic { /* a CAS; lost means that somebody else moved it */
       if
       :: epoch == e -> epoch = e + 1
       :: else
       fi
     }
  :: else
  fi
}

/* Anybody frees: the retired life `g`, if no pin is as old as its retirement. */
inline try_free() {
  atomic { g = life; found = state };
  if
  :: found == RETIRED -> retired_in()
  :: else -> e = 0
  fi;
  if
  :: e != 0 ->
     move_past_e();
#ifdef MUTANT_NO_SCAN
     if
     :: true ->
#else
     ok = IDLE_OR_YOUNGER(0);
     if
     :: ok -> ok = IDLE_OR_YOUNGER(1)
     :: else
     fi;
     if
     :: ok ->
#endif
        atomic {
          if
#ifdef MUTANT_NO_GENERATION
          :: state == RETIRED ->
#else
          :: state == RETIRED && life == g ->
#endif
             assert(word != life);
             state = FREE; freed++
          :: else
          fi
        }
     :: else
     fi
  :: else
  fi;
  atomic { g = 0; found = 0; e = 0; ok = false }
}

proctype Freer() {
  byte g, found, e, seen_note, seen_tag;
  bool ok;
  try_free()
}

/* Compactor, then claimer and writer of the region's next life, then compactor again. */
proctype Worker() {
  byte g, found, e, turn, seen_note, seen_tag;
  bool ok;
  do
  :: turn < LIVES ->
#ifdef MUTANT_EARLY_EPOCH
     e = epoch;
#endif
     word = 0;                       /* unlinked: the head is elsewhere now */
#ifdef MUTANT_NOTED_FIRST
     e = epoch;
#endif
#if defined(MUTANT_EARLY_EPOCH) || defined(MUTANT_NOTED_FIRST)
     atomic { note_epoch = e; note_life = life };
     e = 0;
#endif
     atomic { state = RETIRED; g = life };
     retired_in();
     move_past_e();
     atomic { e = 0; g = 0 };
     do
     :: state == FREE -> break
     :: state == RETIRED ->
        try_free();
        /* only again when that may change something */
        (state == FREE || ((cell_count[0] == 0 || cell_epoch[0] > note_epoch) &&
                           (cell_count[1] == 0 || cell_epoch[1] > note_epoch)))
     od;
     turn++;
     if
     :: turn == 1 && LIVES == 2 -> /* the next life: claimed, written, published */
        content = 0;
        atomic { life = 2; state = OPEN };
        content = 2;
        word = 2
     :: else -> content = 0
     fi
  :: else -> break
  od
}

/* It looks at what is there, whatever the index names.  OPEN: what it reads of that life stays. */
proctype Walker() {
  byte e, seen_epoch, seen_count, g, found, instant, seen_note, seen_tag;
  pin(1);
#ifdef MUTANT_EPOCH_OF_PIN
  instant = cell_epoch[1];
#else
  instant = epoch;
#endif
  atomic { g = life; found = state };
  if
  :: found == RETIRED -> retired_in()
  :: else -> e = instant
  fi;
  if
  :: found != FREE && e >= instant && (g == 1 || content != 0) -> assert(content == g); assert(content == g)
  :: else
  fi;
  atomic { g = 0; found = 0; e = 0; instant = 0 };
  unpin(1)
}

proctype Mover() { byte e; e = epoch; atomic { if :: epoch == e -> epoch = e + 1 :: else fi } }

init {
  atomic {
    run Worker();
#ifdef FREER
    run Freer();
#endif
#ifdef MOVER
    run Mover();
#endif
#ifdef WALKER
    run Walker();
#endif
#ifdef SHARED
    run Reader(0);
    run Reader(0);
#endif
#ifdef OTHER
    run Reader(1);
#endif
  }
  (_nr_pr == 1) -> assert(freed == LIVES)
}
