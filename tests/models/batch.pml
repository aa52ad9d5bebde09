/* Batches: installed in the order of their keys by anybody who meets them, published by one word, with conditions.
 *
 * Modelled: BATCH 5 (help: i to v; batch.prev, batch.5), 6 (FIX; batch.6), the push of a snapshot, a get, a rival put
 *   and a compactor that help first, the reaper's abort, the abort by a condition.  Two keys, two batches that write
 *   both; `current` is a ghost that changes at the FIX of a batch and at the CAS of a put.
 * Property: a snapshot shows both halves of a batch or none, twice the same; plain gets in falling order of keys
 *   never see the second half alone; at the FIX both records are the heads and all conditions hold at once; a
 *   conflict only after something changed; each key ends at what was published last; of two batches one succeeds.
 * Bounds: as the scenes say; one helper for each process; any process may stop for ever after any step.
 * Left out: an aborted record that is installed late and the reuse of its region (late_install); the owner's floor;
 *   the order among more than two batches; three writers at once (74 M states, never exhausted).
 *
 * scene two_read: -DA -DB -DSNAPSHOT
 * scene put_reap quick: -DA -DPUT -DREAP -DSNAPSHOT
 * scene put_copy: -DA -DPUT -DCOPY -DSNAPSHOT
 * scene put_get quick: -DA -DPUT -DREAP -DGET
 * scene if_two quick: -DA -DB -DIF_A=8 -DIF_B=8
 * scene if_put quick: -DA -DPUT -DIF_A=8
 * scene if_two_put: -DA -DB -DPUT -DIF_A=8 -DIF_B=8
 * scene if_two_copy: -DA -DB -DCOPY -DIF_A=8 -DIF_B=8
 * scene if_two_reap: -DA -DB -DREAP -DIF_A=8 -DIF_B=8
 * scene if_next quick: -DA -DB -DIF_B=16 -DNEXT
 * scene if_unstamped quick: -DA -DIF_A=16 -DUNSTAMPED
 * mutant NO_PUSH in put_reap: a pending batch is not moved behind the snapshot that skipped it: it appears in it
 * mutant NO_RECHECK in put_reap: (iv) left out: a decided batch is installed over what came after it
 * mutant CLOCK_FIRST in put_reap: the clock read before the word: fixed at a time that a snapshot had forbidden
 * mutant NO_TICK in put_copy: the FIX does not wait for a clock above what it replaces: stamps do not fall
 * mutant SHOW_PENDING in put_get: a get shows the pending record itself: after an abort the next shows what was before
 * mutant BLIND_ABORT in put_reap: the reaper stores ABORTED without comparing: a published batch vanishes
 * mutant OVER_PENDING in put_get: a put replaces a pending head without helping: fixed, its record not there
 * mutant CONFLICT_PENDING in if_two: a pending rival counts as a conflict: both may give up though nothing changed
 * mutant OWN_STAMP in if_next: a condition reads the stamp cached in the record, not the envelope's: one not cached yet
 * mutant NO_FILL in if_unstamped: a condition compares a stamp that was not given yet: a conflict without a change
 */
#define RECORDS 9
#define MAX(a, b) (((a) > (b)) -> (a) : (b))
#define TIME(stamp) ((stamp) / 8)
#define PENDING 0
#define FIXED 1
#define ABORTED 2  /* by a condition */
#define REAPED 3   /* by the reaper: ABORTED too */
#define NONE 99    /* no condition */

/* Records: 1 = x, 2 = y from the start; 3, 4 = x, y of batch 0; 5, 6 = x, y of batch 1; 7 = put of x; 8 = the copy. */
#define OF_BATCH(r) ((r) >= 3 && (r) <= 6)
#define BATCH(r) (((r) - 3) / 2)
#define RECORD(b, j) (3 + 2 * (b) + (j))

byte word[2];
byte stamp[RECORDS];
byte prev[RECORDS];
byte origin[RECORDS];   /* which operation wrote this content: 10 = batch 0, 11 = batch 1 */
byte condition[RECORDS];
byte clock = 1;
byte state[2];          /* the decision words: state and ... */
byte moment[2];         /* ... the least time it may still be fixed at, then the time */
byte current[2];        /* ghost: what is published */
bool changed;           /* ghost: something was published */

#define IS_PENDING(r) (OF_BATCH(r) && state[BATCH(r)] == PENDING)
#define IS_ABORTED(r) (OF_BATCH(r) && state[BATCH(r)] >= ABORTED)
#define STAMP(r) (((r) == 0) -> 0 : (OF_BATCH(r) -> moment[BATCH(r)] * 8 : stamp[r]))
#ifdef MUTANT_OWN_STAMP
#define SEEN_STAMP(r) (((r) == 0 || OF_BATCH(r)) -> 0 : stamp[r])
#else
#define SEEN_STAMP(r) STAMP(r)
#endif

inline fill(r) {
  if
  :: r == 0 || OF_BATCH(r) || stamp[r] != 0
  :: else -> now = clock;
     atomic {
       if
       :: stamp[r] == 0 -> stamp[r] = MAX(STAMP(prev[r]) + 1, now * 8)
       :: else
       fi;
       now = 0
     }
  fi
}
#ifdef MUTANT_NO_FILL
#define FILL_BELOW(r) skip
#else
#define FILL_BELOW(r) fill(r)
#endif

/* Decides batch `mine`: it, or first a rival met on the way; b, j: which batch and which of its records is next. */
inline help(mine) {
  b = mine; j = 0;
  do
  :: atomic {
       state[b] != PENDING ->
       if
       :: b == mine -> b = 0; j = 0; below = 0; break
       :: else -> b = mine; j = 0; below = 0
       fi
     }
  :: atomic { state[b] == PENDING && j < 2 -> p = prev[RECORD(b, j)] } /* i */
     head = word[j]; /* ii */
     if
     :: head == RECORD(b, j) ->
        atomic { /* the batch's stamp is to be above what it supersedes */
          below = MAX(below, TIME(STAMP(prev[RECORD(b, j)])));
          j++; p = 0; head = 0
        }
     :: else ->
        if
        :: atomic { /* iii: the order of keys rises, so no circle */
             IS_PENDING(head) && BATCH(head) != b ->
#ifdef MUTANT_CONFLICT_PENDING
             if
             :: state[b] == PENDING -> state[b] = ABORTED; assert(changed)
             :: else
             fi;
#else
             b = BATCH(head); j = 0; below = 0;
#endif
             p = 0; head = 0
           }
        :: else ->
           FILL_BELOW(head);
           atomic {
             if
             :: IS_ABORTED(head) -> q = prev[head]
             :: else -> q = head
             fi
           }
           if
#ifndef MUTANT_NO_RECHECK
           :: state[b] != PENDING -> atomic { p = 0; head = 0; q = 0 } /* iv */
#endif
           :: else -> install()
           fi
        fi
     fi
#ifdef MUTANT_CLOCK_FIRST
  :: atomic { state[b] == PENDING && j == 2 -> now = clock }
     pushed = moment[b];
#else
  :: atomic { state[b] == PENDING && j == 2 -> pushed = moment[b] }
     now = clock;
#endif
     fix()
  od
}

inline install() { /* v */
  if
  :: p != q ->
     atomic {
       if
       :: prev[RECORD(b, j)] == p -> prev[RECORD(b, j)] = q
       :: else
       fi;
       p = 0; head = 0; q = 0
     }
  :: p == q && condition[RECORD(b, j)] != NONE && SEEN_STAMP(q) != condition[RECORD(b, j)] ->
     pushed = moment[b];
     atomic {
       if
       :: state[b] == PENDING && moment[b] == pushed -> state[b] = ABORTED; assert(changed)
       :: else
       fi;
       p = 0; head = 0; q = 0; pushed = 0
     }
  :: else ->
     atomic {
       if
       :: word[j] == head -> word[j] = RECORD(b, j)
       :: else
       fi;
       p = 0; head = 0; q = 0
     }
  fi
}

#define HOLDS(b, j) (condition[RECORD(b, j)] == NONE || STAMP(current[j]) == condition[RECORD(b, j)])

/* BATCH 6 (batch.6): the clock is read after the word, so it is past every snapshot that has pushed by then. */
inline fix() {
  if
#ifndef MUTANT_NO_TICK
  :: now <= below ->
     atomic {
       if
       :: clock == now -> clock = now + 1
       :: else
       fi;
       now = 0; pushed = 0
     }
#endif
  :: else ->
     atomic {
       if
#ifdef MUTANT_NO_PUSH
       :: state[b] == PENDING ->
#else
       :: state[b] == PENDING && moment[b] == pushed ->
#endif
          assert(word[0] == RECORD(b, 0) && word[1] == RECORD(b, 1));
          assert(HOLDS(b, 0) && HOLDS(b, 1));
          state[b] = FIXED;
          moment[b] = now;
          current[0] = RECORD(b, 0);
          current[1] = RECORD(b, 1);
          changed = true
       :: else
       fi;
       now = 0; pushed = 0
     }
  fi
}

/* What whoever changes x does first: decides a pending head.  Leaves the head and what it resolves to. */
inline head_of_x() {
  do
  :: head = word[0];
     if
#ifdef MUTANT_OVER_PENDING
     :: atomic { IS_PENDING(head) -> q = prev[head] };
        break
#else
     :: atomic { IS_PENDING(head) -> met = BATCH(head); head = 0 };
        help(met);
        met = 0
#endif
     :: else ->
        fill(head);
        atomic {
          if
          :: IS_ABORTED(head) -> q = prev[head]
          :: else -> q = head
          fi
        }
        break
     fi
  od
}

proctype Owner(byte mine) { byte b, j, head, p, q, now, pushed, below; help(mine) }

proctype Put() {
  byte b, j, head, p, q, now, pushed, below, met;
  do
  :: head_of_x();
     atomic {
       if
       :: word[0] == head -> prev[7] = q; word[0] = 7; current[0] = 7; changed = true; head = 0; q = 0; break
       :: else -> head = 0; q = 0
       fi
     }
  od;
  fill(7)
}

proctype Compactor() {
  byte b, j, head, p, q, now, pushed, below, met;
  head_of_x();
  atomic {
    if
    :: word[0] == head ->
       stamp[8] = STAMP(q); prev[8] = prev[q]; origin[8] = origin[q];
       if
       :: current[0] == q -> current[0] = 8
       :: else
       fi;
       word[0] = 8
    :: else
    fi;
    head = 0; q = 0
  }
}

proctype Reaper() {
  atomic {
    if
#ifdef MUTANT_BLIND_ABORT
    :: state[0] != REAPED -> state[0] = REAPED
#else
    :: state[0] == PENDING -> state[0] = REAPED
#endif
    :: else
    fi
  }
}

/* What the instant shows of a key. */
inline look(key, seen) {
  r = word[key];
  do
  :: atomic { IS_PENDING(r) -> m = moment[BATCH(r)] };
     if
     :: m > instant -> atomic { r = prev[r]; m = 0 }
     :: else -> /* push */
        atomic {
#ifdef MUTANT_NO_PUSH
          r = prev[r];
#else
          if
          :: state[BATCH(r)] == PENDING && moment[BATCH(r)] == m -> moment[BATCH(r)] = instant + 1
          :: else
          fi;
#endif
          m = 0
        }
     fi
  :: atomic { IS_ABORTED(r) -> r = prev[r] }
  :: atomic {
       OF_BATCH(r) && state[BATCH(r)] == FIXED ->
       assert(STAMP(prev[r]) < STAMP(r));
       if
       :: moment[BATCH(r)] > instant -> r = prev[r]
       :: else -> seen = r; r = 0; break
       fi
     }
  :: else ->
     fill(r);
     atomic {
       if
       :: TIME(stamp[r]) > instant -> assert(STAMP(prev[r]) < stamp[r]); r = prev[r]
       :: else -> seen = r; r = 0; break
       fi
     }
  od
}

/* Whether the version or one below it is what this operation wrote. */
inline holds(version, who, yes) {
  r = version; yes = false; steps = 0;
  do
  :: r == 0 -> break
  :: r != 0 && origin[r] == who && (!OF_BATCH(r) || state[BATCH(r)] == FIXED) -> yes = true; break
  :: else -> r = prev[r]; steps++; assert(steps < RECORDS) /* a circle */
  od;
  r = 0; steps = 0
}

proctype Snapshot() {
  byte instant, r, now, m, x, y, again, steps;
  bool in_x, in_y;
  instant = clock;
  atomic {
    if
    :: clock == instant -> clock = instant + 1
    :: else
    fi
  }
  look(0, x);
  look(1, y);
  atomic {
    holds(x, 10, in_x); holds(y, 10, in_y); assert(in_x == in_y);
    holds(x, 11, in_x); holds(y, 11, in_y); assert(in_x == in_y)
  }
  look(0, again);
  assert(origin[again] == origin[x])
}

inline get(key, seen) {
  r = word[key];
  do
#ifdef MUTANT_SHOW_PENDING
  :: atomic { IS_ABORTED(r) -> r = prev[r] }
  :: atomic { !IS_ABORTED(r) -> seen = origin[r]; r = 0; break }
#else
  :: atomic { IS_PENDING(r) || IS_ABORTED(r) -> r = prev[r] }
  :: atomic { !(IS_PENDING(r) || IS_ABORTED(r)) -> seen = origin[r]; r = 0; break }
#endif
  od
}

proctype Getter() {
  byte r, x, y, again;
  get(1, y);
  get(0, x);
  assert(!(y == 10 && x == 1)); /* y of the batch, so x of the batch or what was put after it */
  get(0, again);
  assert(!(x != 1 && again == 1)) /* nothing goes back */
}

#define RESOLVED(r) ((IS_ABORTED(r)) -> prev[r] : (r))

init {
  atomic {
    origin[1] = 1; origin[2] = 2; origin[3] = 10; origin[4] = 10; origin[5] = 11; origin[6] = 11; origin[7] = 7;
    stamp[1] = 8; stamp[2] = 8;
    word[0] = 1; word[1] = 2; current[0] = 1; current[1] = 2;
    condition[3] = NONE; condition[4] = NONE; condition[5] = NONE; condition[6] = NONE;
#ifdef IF_A
    condition[3] = IF_A; condition[4] = IF_A;
#endif
#ifdef IF_B
    condition[5] = IF_B; condition[6] = IF_B;
#endif
#ifdef UNSTAMPED /* x was installed at time 2 and its writer stopped: its stamp will be 16 */
    stamp[1] = 0; clock = 2; condition[4] = NONE;
#endif
#ifdef A
    run Owner(0);
#endif
#ifdef B
#ifdef NEXT /* B starts when A is decided: its condition is the stamp of A, cached nowhere yet */
    (state[0] != PENDING);
    condition[5] = moment[0] * 8; condition[6] = moment[0] * 8;
#endif
    run Owner(1);
#endif
#ifdef PUT
    run Put();
#endif
#ifdef COPY
    run Compactor();
#endif
#ifdef REAP
    run Reaper();
#endif
#ifdef SNAPSHOT
    run Snapshot();
#endif
#ifdef GET
    run Getter();
#endif
  }
  (_nr_pr == 1) ->
  assert(RESOLVED(word[0]) == current[0] && RESOLVED(word[1]) == current[1]);
  assert(state[0] != PENDING);
#ifdef B
  assert(state[1] != PENDING);
#ifdef NEXT
  assert(state[1] == FIXED);
#endif
#endif
#if defined(IF_A) && defined(IF_B) && !defined(NEXT)
  assert(!(state[0] == FIXED && state[1] == FIXED)); /* they expected the same */
#endif
#if !defined(PUT) && !defined(REAP) && defined(B)
  assert(state[0] == FIXED || state[1] == FIXED);
#endif
}
