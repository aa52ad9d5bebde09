/* A record that is installed after its batch was aborted, and the region it lies in: why a victim waits for its pins.
 *
 * Modelled: BATCH 5 iv and v of a helper that passed the re-check of PENDING before the abort; the reaper's abort and
 *   its leaving of the region (seal_epoch = the epoch read then, before the state SEALED); COMPACT 1-4 of that
 *   region, which takes it only when every pin is younger than its sealing; a reader; anybody who moves the epoch. A
 *   leaf that its writer links late (INDEX GROWTH 3) is the same: the node lies in a SEALED index region.
 * Property: nothing reachable lies in a freed region; a reader's record does not change under its pin.
 * Bounds: one helper, one region of the batch, one life; the head is 1 (in a region never taken) or 2 (in the
 *   victim).
 * Left out: copies of what lives in the victim (relocate), the gate (gate).
 *
 * scene all quick:
 * mutant NO_WAIT in all: the victim is taken as soon as it is SEALED: the helper installs into a retired region
 * mutant SEAL_FIRST in all: the epoch is read before the abort: a helper that pinned after that counts as younger
 * mutant HEADS_FIRST in all: the heads are read before the wait: what was installed meanwhile stays
 * mutant NO_RECHECK in all: (iv) left out: a helper may install at any time, however young its pin
 * mutant RETIRE_FIRST in all: the retire epoch read before the head was unlinked: a reader of it counts as younger
 */
byte word = 1;
byte epoch = 1;
byte life = 1;     /* of the region: 2 once it was freed */
byte pin[3];       /* the pins of the helper and of two readers: the epoch, 0 for none */
byte seal_epoch;
bool aborted, sealed, retired;

#define YOUNGER(e) ((pin[0] == 0 || pin[0] > (e)) && (pin[1] == 0 || pin[1] > (e)) && (pin[2] == 0 || pin[2] > (e)))

/* The epoch is loaded, then written into the cell: in between it may become an old one, which is only stronger. */
inline enter(cell) { e = epoch; pin[cell] = e; e = 0 }
inline move_epoch() {
  e = epoch;
  atomic {
    if
    :: epoch == e -> epoch = e + 1
    :: else
    fi;
    e = 0
  }
}

proctype Helper() {
  byte e, head;
  enter(0);
  head = word;                       /* ii; the head resolves to 1 */
#ifndef MUTANT_NO_RECHECK
  if
  :: aborted -> goto out             /* iv */
  :: else
  fi;
#endif
  if
  :: head == 1 ->
     atomic {                        /* v */
       if
       :: word == 1 -> assert(life == 1); word = 2
       :: else
       fi
     }
  :: else
  fi;
out:
  pin[0] = 0
}

proctype Reaper() {
  byte e;
#ifdef MUTANT_SEAL_FIRST
  seal_epoch = epoch;
  aborted = true;
#else
  aborted = true;
  seal_epoch = epoch;
#endif
  sealed = true
}

proctype Mover() { byte e; move_epoch() }

inline unlink() {
  do
  :: head = word;
     if
     :: head == 2 ->
        atomic {
          if
          :: word == 2 -> word = 1; head = 0; break /* the head is aborted: back to what it resolves to */
          :: else -> head = 0
          fi
        }
     :: else -> head = 0; break
     fi
  od
}

proctype Compactor() {
  byte e, head, retire_epoch;
  (sealed);
#ifdef MUTANT_RETIRE_FIRST
  retire_epoch = epoch;
#endif
#ifdef MUTANT_HEADS_FIRST
  unlink();
#endif
#ifndef MUTANT_NO_WAIT
  /* Any pin not younger: another victim today.  The scan is one step: a cell seen idle can only be pinned again later,
     at the epoch of then or an older one that its owner loaded before; whoever does so reads its words later. */
  if
  :: pin[0] == 0 || pin[0] > seal_epoch
  :: else -> goto out
  fi;
  if
  :: pin[1] == 0 || pin[1] > seal_epoch
  :: else -> goto out
  fi;
  if
  :: pin[2] == 0 || pin[2] > seal_epoch
  :: else -> goto out
  fi;
#endif
#ifndef MUTANT_HEADS_FIRST
  unlink();
#endif
#ifndef MUTANT_RETIRE_FIRST
  retire_epoch = epoch;
#endif
  retired = true;
  move_epoch();
  (pin[0] == 0 || pin[0] > retire_epoch);
  (pin[1] == 0 || pin[1] > retire_epoch);
  (pin[2] == 0 || pin[2] > retire_epoch);
  assert(word != 2);
  life = 2;
out:
  skip
}

proctype Reader(byte cell) {
  byte e, head, seen;
  enter(cell);
  head = word;
  seen = life;
  if
  :: head == 2 -> assert(seen == 1); assert(life == 1)
  :: else
  fi;
  pin[cell] = 0
}

init {
  atomic { run Helper(); run Reaper(); run Mover(); run Compactor(); run Reader(1); run Reader(2) }
  (_nr_pr == 1) -> assert(!(word == 2 && life == 2))
}
