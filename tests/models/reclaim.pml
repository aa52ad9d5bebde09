/* Pins, epochs and the reuse of a region: what a pinned reader found stays until it lets go.
 *
 * Modelled: PIN (a cell shared by two threads: CAS {.,0} to {epoch,1}, else one more; release by subtraction),
 *   COMPACT 3-5: unlink, retire_epoch, RETIRED, epoch moved, pins scanned cell by cell, CAS RETIRED,g to FREE,g; the
 *   region's next life and its next reclaim, by two freers that may stop between any two steps.
 * Property: a record found under a pin does not change until the pin is released; what the index names is not FREE.
 * Bounds: one region, one or two lives, two cells (one of them shared by two threads), each reader once, as the
 *   scenes say.  Whether the epoch ever moves costs only time: who pins again and again at an old epoch delays the
 *   reuse.
 * Left out: the gate (gate, power_gate), dead readers, copies (relocate), late installers (late_install).
 *
 * scene shared quick: -DLIVES=1 -DSHARED -DOTHER -DMOVER
 * scene lives quick: -DLIVES=2 -DFREER -DOTHER
 * scene lives_shared: -DLIVES=2 -DSHARED
 * scene lives_freer: -DLIVES=2 -DFREER -DSHARED
 * mutant NO_SCAN in shared: freed without a look at the pins
 * mutant EARLY_EPOCH in shared: retire_epoch read before the unlink: who pinned between is younger and still finds it
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
byte retire_epoch;
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

/* Anybody frees: the retired life `g`, if no pin is as old as its retirement. */
inline try_free() {
  atomic { g = life; found = state };
  if
  :: found == RETIRED ->
     e = retire_epoch;
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
  byte g, found, e;
  bool ok;
  try_free()
}

/* Compactor, then claimer and writer of the region's next life, then compactor again. */
proctype Worker() {
  byte g, found, e, turn;
  bool ok;
  do
  :: turn < LIVES ->
#ifdef MUTANT_EARLY_EPOCH
     e = epoch;
#endif
     word = 0;                       /* unlinked: the head is elsewhere now */
#ifndef MUTANT_EARLY_EPOCH
     e = epoch;
#endif
     atomic { retire_epoch = e; state = RETIRED };
     atomic { /* a CAS; lost means that somebody else moved it */
       if
       :: epoch == e -> epoch = e + 1
       :: else
       fi;
       e = 0
     };
     do
     :: state == FREE -> break
     :: state == RETIRED ->
        try_free();
        /* only again when that may change something */
        (state == FREE || ((cell_count[0] == 0 || cell_epoch[0] > retire_epoch) &&
                           (cell_count[1] == 0 || cell_epoch[1] > retire_epoch)))
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
