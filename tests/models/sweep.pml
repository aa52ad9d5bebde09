/* Dropping a tombstone: no older version of its key may come back, whatever a stopped compactor or a power cut does.
 *
 * Modelled: SWEEP 1-5 beside an eraser, a compactor that read the old version long ago, the reuse of both regions,
 *   and the write-back of each region and of each region's state at any time.  Flush and gate are one step (gate,
 *   power_gate).
 * Property: once the erase is durable, no disk shows the old version without the tombstone; the sweep drops a
 *   tombstone, never a live record that landed at its place.
 * Bounds: one key.  Region 0 holds the old version v, region 1 the tombstone t, region 2 what the compactor copies,
 *   region 3 a copy of t (scene moved).  Each process once; any may stop for ever.
 * Left out: the clock's tick before the drop (stamps of a later life of the key are above), damaged regions (drop
 *   nothing).
 *
 * scene stalled quick: -DCOMPACT_V
 * scene moved quick: -DMOVE_T
 * mutant NO_PIN_WAIT in stalled: the scan does not wait for pins older than the list: a copy of v comes after it
 * mutant SCAN_FIRST in stalled: the scan before the wait: the copy comes between
 * mutant NO_SCAN in stalled: the tombstone goes though v is still there
 * mutant SKIP_RETIRED in stalled: the scan leaves out RETIRED regions: the power cut finds them as they were
 * mutant STALE_LIST in moved: no second look at the place that the list names: a live record is there now
 */
#define LIVE 0
#define RETIRED 1
#define FREE 2
#define NEXT 3    /* a later life: bytes of an earlier one do not parse in it */

#define V 1       /* contents of a region's only record: the old version, ... */
#define T 2       /* ... the tombstone, ... */
#define OTHER 3   /* ... something of another key, ... */
#define FRESH 4   /* ... a new version of the key */

/* The index word: 0 absent, 1 + r = the record of region r. */
byte word = 1;
byte content[4], state[4];
byte disk_content[4], disk_state[4];
byte epoch = 1;
byte pin[3];      /* eraser and writer, compactors, sweeper */
bool dropped, erase_durable;

inline enter(cell) { e = epoch; pin[cell] = e; e = 0 }
inline move_epoch() { atomic { e = epoch; epoch = e + 1 } }

inline flush() {
  atomic {
    disk_content[0] = content[0]; disk_state[0] = state[0];
    disk_content[1] = content[1]; disk_state[1] = state[1];
    disk_content[2] = content[2]; disk_state[2] = state[2];
    disk_content[3] = content[3]; disk_state[3] = state[3];
    if
    :: dropped || word == 2 || word == 4 -> erase_durable = true
    :: else
    fi
  }
}

/* COMPACT 3-5, then the next life of the region. */
inline reuse(r, with) {
  state[r] = RETIRED;
  move_epoch();
  flush();
  (pin[0] == 0 || pin[0] > e);
  (pin[1] == 0 || pin[1] > e);
  (pin[2] == 0 || pin[2] > e);
  e = 0;
  state[r] = FREE;
  content[r] = with;
  state[r] = NEXT
}

proctype Eraser() {
  byte e, head;
  enter(0);
  do
  :: head = word;
     if
     :: head == 1 || head == 3 ->
        content[1] = T;
        atomic {
          if
          :: word == head -> word = 2; break
          :: else
          fi
        }
     :: else -> break
     fi
  od;
  head = 0;
  pin[0] = 0
}

proctype CompactorOfV() {
  byte e, head;
  enter(1);
  head = word;
  if
  :: head == 1 ->
     content[2] = V; /* the copy: tail, then the old stamp */
     atomic {
       if
       :: word == 1 -> word = 3
       :: else
       fi
     }
  :: else
  fi;
  pin[1] = 0
}

/* Region 0 is emptied once v is dead or has moved. */
proctype FreerOfV() {
  byte e;
  (word != 1);
  reuse(0, OTHER)
}

/* The tombstone moves to region 3; the next life of region 1 begins with a live version of the key, at t's place. */
proctype CompactorOfT() {
  byte e;
  (word == 2);
  enter(1);
  content[3] = T;
  atomic {
    if
    :: word == 2 -> word = 4
    :: else
    fi
  };
  pin[1] = 0;
  if
  :: word == 4 ->
     reuse(1, FRESH);
     enter(0);
     atomic {
       if
       :: word == 4 || word == 0 -> word = 2
       :: else
       fi
     };
     pin[0] = 0
  :: else
  fi
}

#ifdef MUTANT_SKIP_RETIRED
#define SHOWS_V(r) (state[r] == LIVE && content[r] == V)
#else
#define SHOWS_V(r) (state[r] < FREE && content[r] == V)
#endif
inline look(r) {
  if
  :: SHOWS_V(r) -> hit = true
  :: else
  fi
}
inline scan() { /* in any order */
  if
  :: true -> look(0); look(2)
  :: true -> look(2); look(0)
  fi
}
#define PINS_FROM(cell) (pin[cell] == 0 || pin[cell] >= e)

proctype Sweeper() {
  byte e, noted;
  bool hit;
  atomic { (word == 2); noted = word }; /* 1: under an earlier pin */
  move_epoch();
  e++;
#ifdef MUTANT_SCAN_FIRST
  scan();
#endif
#ifndef MUTANT_NO_PIN_WAIT
  PINS_FROM(0); /* 2 */
  PINS_FROM(1);
#endif
  e = 0;
  enter(2);
#ifndef MUTANT_STALE_LIST
  if /* 3 */
  :: word == noted && content[noted - 1] == T
  :: else -> goto out
  fi;
#endif
#if !defined(MUTANT_SCAN_FIRST) && !defined(MUTANT_NO_SCAN)
  scan();
#endif
  if
  :: hit -> goto out
  :: else
  fi;
  atomic { /* 5 */
    if
    :: word == noted -> assert(content[noted - 1] == T); word = 0; dropped = true
    :: else
    fi
  };
out:
  pin[2] = 0;
  if
  :: dropped -> reuse(1, OTHER)
  :: else
  fi
}

active proctype WriteBack() {
  byte r;
end:
  do
  :: select(r : 0 .. 3);
     if
     :: disk_content[r] != content[r] -> disk_content[r] = content[r]
     :: disk_state[r] != state[r] -> disk_state[r] = state[r]
     :: else
     fi
  od
}

#define DISK_SHOWS(r, what) (disk_state[r] < FREE && disk_content[r] == what)
#define DISK_IS_FRESH (disk_state[1] == NEXT && disk_content[1] == FRESH)
active proctype PowerCut() {
  atomic {
    assert(!(erase_durable && (DISK_SHOWS(0, V) || DISK_SHOWS(2, V)) &&
             !DISK_SHOWS(1, T) && !DISK_SHOWS(3, T) && !DISK_IS_FRESH))
  }
}

init {
  atomic {
    content[0] = V; disk_content[0] = V;
    run Eraser(); run Sweeper(); run FreerOfV();
#ifdef COMPACT_V
    run CompactorOfV();
#endif
#ifdef MOVE_T
    run CompactorOfT();
#endif
  }
}
