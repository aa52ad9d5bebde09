/* Sleeping until something changes: one futex word for many keys, odd while somebody may wait.
 *
 * Modelled: WAIT: a waiter makes the word odd, looks, sleeps only if the word is still what it was; a waker
 *   publishes, and if the word is odd makes it even and wakes all, whoever won that CAS (wait.1, wake.1).
 * Property: nobody sleeps for ever on what was published (an invalid end state otherwise); no system call when nobody
 *   waits.
 * Bounds: two waiters, the second of which wants two publications; two wakers; the word counts without overflow.
 * Left out: the slice of 250 ms, which covers a waker killed between its CAS and its wake; other keys of the same
 *   word.
 *
 * scene all quick:
 * mutant NO_MARK in all: the waiter sleeps without making the word odd: nobody wakes it
 * mutant LOOK_FIRST in all: the waiter looks, then marks: what was published between is not seen
 * mutant BLIND_SLEEP in all: it sleeps whatever the word is now
 * mutant MARK_FIRST in all: the waker deals with the word before it publishes
 * mutant NO_CHANGE in all: the waker leaves the word odd: a waiter that looked before sleeps after it
 */
byte word;
byte published;
bool asleep[2];
byte awake;

#define IS_ODD(w) (((w) & 1) == 1)

proctype Waiter(byte id) {
  byte seen;
  bool marked;
  do
  :: true ->
#ifdef MUTANT_LOOK_FIRST
     if
     :: published > id -> break
     :: else
     fi;
#endif
     seen = word;
     marked = IS_ODD(seen);
#ifdef MUTANT_NO_MARK
     marked = true;
#endif
     if
     :: !marked ->
        atomic {
          if
          :: word == seen -> word = seen + 1; seen = seen + 1; marked = true
          :: else
          fi
        }
     :: else
     fi;
     if
     :: !marked /* lost: again */
     :: else ->
#ifndef MUTANT_LOOK_FIRST
        if
        :: published > id -> break
        :: else
        fi;
#endif
        atomic { /* FUTEX_WAIT compares in the kernel */
          if
#ifdef MUTANT_BLIND_SLEEP
          :: true -> asleep[id] = true
#else
          :: word == seen -> asleep[id] = true
          :: else
#endif
          fi
        };
        !asleep[id]
     fi
  od;
  awake++
}

inline wake() {
  seen = word;
  if
  :: IS_ODD(seen) ->
#ifndef MUTANT_NO_CHANGE
     atomic {
       if
       :: word == seen -> word = seen + 1
       :: else
       fi
     };
#endif
     atomic { asleep[0] = false; asleep[1] = false } /* FUTEX_WAKE */
  :: else
  fi
}

proctype Waker() {
  byte seen;
#ifdef MUTANT_MARK_FIRST
  wake();
  published++
#else
  published++; /* the CAS on the index word */
  wake()
#endif
}

init {
  atomic { run Waiter(0); run Waiter(1); run Waker(); run Waker() }
  (_nr_pr == 1) -> assert(awake == 2)
}
