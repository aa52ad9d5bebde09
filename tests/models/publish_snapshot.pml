/* Single puts, a compactor's copy and a snapshot: the CAS on the index word publishes, the stamp comes after it.
 *
 * Modelled: PUT 4-6 (put.4, put.5, fill, fill.1, put.6), SNAPSHOT, COMPACT 2 for one record.  Two keys; writer A puts
 *   x then y, writer B puts x, the compactor moves the head of x, a reader takes an instant and reads y, x, x.
 * Property: the instant shows y only together with the x that its writer put before; a second look sees the same;
 *   stamps strictly fall along prev; a superseded version is certain.
 * Bounds: each process once, two ticks of the clock.  Stamps are {time, 8 numbers}.  One shared access per step; any
 *   process may stop for ever after any of them, because every prefix of every run is looked at.
 * Left out: regions and their reuse (reclaim), the check word (relocate), batches (batch).
 *
 * scene all quick:
 * mutant STALE_HEAD in all: put.4 without fill of what it replaces: a version below may get a stamp above its successor
 * mutant NO_HELP in all: the reader takes an unstamped head for later than its instant; its second look sees it
 * mutant EARLY_CLOCK in all: the clock read before the CAS: a version appears in an instant already looked at
 * mutant ONE_PREV in all: prev written once, not before each CAS: the version between is lost to the instant
 * mutant NEW_STAMP in all: the copy gets a stamp of its own: the instant no longer finds the version
 */
#define RECORDS 8
#define MAX(a, b) (((a) > (b)) -> (a) : (b))
#define TIME(stamp) ((stamp) / 8)

/* Records: 1 = x, 2 = y, both certain from the start; 3 = x of A, 4 = y of A; 5 = x of B; 6 = the copy. */
byte word[2];        /* index words of x and y: the newest record */
byte stamp[RECORDS]; /* 0: not given yet */
byte floor[RECORDS];
byte prev[RECORDS];
byte value[RECORDS];
byte clock = 1;

/* FILL: whoever meets it unstamped.  The clock is read after the record was found through the index word. */
inline fill(r) {
  if
  :: stamp[r] != 0
  :: else ->
#ifdef MUTANT_EARLY_CLOCK
     now = early[r];
#else
     now = clock;
#endif
     atomic {
       if
       :: stamp[r] == 0 -> stamp[r] = MAX(floor[r] + 1, now * 8)
       :: else
       fi;
       now = 0
     }
  fi
}

#ifdef MUTANT_EARLY_CLOCK
byte early[RECORDS];
#define READ_EARLY(r) early[r] = clock
#else
#define READ_EARLY(r) skip
#endif

inline put(key, mine) {
  READ_EARLY(mine);
  do
  :: head = word[key];
#ifndef MUTANT_STALE_HEAD
     fill(head);
#endif
     atomic { /* put.4: private until the CAS */
       floor[mine] = stamp[head];
#ifdef MUTANT_ONE_PREV
       if
       :: prev[mine] == 0 -> prev[mine] = head
       :: else
       fi
#else
       prev[mine] = head
#endif
     }
     atomic { /* put.5 */
       if
       :: word[key] == head -> word[key] = mine; head = 0; break
       :: else -> head = 0
       fi
     }
  od;
  fill(mine) /* put.6 */
}

proctype WriterA() { byte head, now; put(0, 3); put(1, 4) }
proctype WriterB() { byte head, now; put(0, 5) }

proctype Compactor() {
  byte head, now;
  head = word[0];
  fill(head);
  atomic { value[6] = value[head]; prev[6] = prev[head]; floor[6] = floor[head] }
#ifndef MUTANT_NEW_STAMP
  stamp[6] = stamp[head];
#endif
  atomic {
    if
    :: word[0] == head -> word[0] = 6
    :: else
    fi;
    head = 0
  }
#ifdef MUTANT_NEW_STAMP
  head = word[0];
  fill(head)
#endif
}

/* What the instant shows of a key: the newest version not after it.  Only a head can be unstamped. */
inline look(key, seen) {
  r = word[key];
#ifndef MUTANT_NO_HELP
  fill(r);
#endif
  atomic {
    do
    :: stamp[r] == 0 || TIME(stamp[r]) > instant ->
       assert(r != 0);
       assert(prev[r] == 0 || stamp[prev[r]] != 0);
       assert(stamp[r] == 0 || stamp[prev[r]] < stamp[r]);
       r = prev[r]
    :: else -> break
    od;
    seen = value[r];
    r = 0
  }
}

proctype Reader() {
  byte instant, r, now, x, y, again;
  instant = clock;
  atomic { /* one try: lost means that somebody else moved it */
    if
    :: clock == instant -> clock = instant + 1
    :: else
    fi
  }
  look(1, y);
  look(0, x);
  assert(!(y == 4 && x == 1)); /* A put x before y */
  look(0, again);
  assert(again == x)
}

init {
  atomic {
    value[1] = 1; value[2] = 2; value[3] = 3; value[4] = 4; value[5] = 5;
    stamp[1] = 8; stamp[2] = 8;
    word[0] = 1; word[1] = 2;
    run WriterA(); run WriterB(); run Compactor(); run Reader()
  }
}
