/* Stamp and check of a record and of its copy, as a power cut may find them.
 *
 * Modelled: PUT 5-6, fill (fill.1 between stamp and check), COMPACT 2: the copy gets the old stamp before the CAS and
 *   its check after it; a writer that supersedes the record; a reader that syncs what it saw; the compactor that
 *   frees the old region after fill of the head and a flush.  Each word reaches the disk at any time, by itself.
 * Property: a copy that lost its CAS is never valid; what was acknowledged is on disk in one valid record, unless
 *   superseded; a stamp that is valid on disk is the one that was seen.
 * Bounds: one record, one copy, two values of the clock, each process once; any process may stop for ever.
 * Left out: the bytes under the body check (they are written before tail, and a record without its check is void). A
 *   check is {10 or 20, stamp}: the seeds of the two places differ.
 *
 * scene read quick: -DREAD
 * scene free: -DREAD -DFREE
 * scene replace: -DREAD -DREPLACE
 * mutant SOURCE_CHECK in free: the copy takes the check of its source, which means nothing at another place
 * mutant EARLY_CHECK in replace: the copy gets its check before the CAS: one that lost is valid
 * mutant NO_FILL_OF_COPY in free: the source is freed without fill of the head: nothing valid is left
 * mutant STAMP_IS_ENOUGH in read: "stamped" asks for the stamp alone: a sync flushes one without its check
 * mutant OWN_VALUE in read: the check of the stamp that lost its CAS: no valid record though it was read
 */
byte word;                /* 0 none, 1 the record, 2 its copy, 3 its successor */
byte stamp[3], check[3];  /* check 0: not written yet, the floor */
byte disk_stamp[3], disk_check[3];
byte clock = 1;
byte seen;                /* ghost: the stamp a reader was given */
bool acknowledged, freed, copy_won;

#define SEAL(r, s) (10 * (r) + (s))
#define VALID(r, s, c) ((s) != 0 && (c) == SEAL(r, s))
#define ON_DISK(r) VALID(r, disk_stamp[r], disk_check[r])

#ifdef MUTANT_STAMP_IS_ENOUGH
#define CERTAIN(r) (stamp[r] != 0)
#else
#define CERTAIN(r) (check[r] != 0)
#endif

inline fill(r) {
  if
  :: CERTAIN(r)
  :: else ->
     now = clock;
     atomic {
       if
       :: stamp[r] == 0 -> stamp[r] = now
       :: else
       fi
     } /* fill.1 */
#ifdef MUTANT_OWN_VALUE
     check[r] = SEAL(r, now);
#else
     now = stamp[r]; /* the winner's, perhaps */
     check[r] = SEAL(r, now);
#endif
     now = 0
  fi
}

inline flush() {
  disk_stamp[1] = stamp[1];
  disk_check[1] = check[1];
  disk_stamp[2] = stamp[2];
  disk_check[2] = check[2]
}

proctype Writer() { byte now; word = 1; fill(1) }
proctype Ticker() { clock = 2 }

proctype Reader() {
  byte now, head;
  (word != 0);
  head = word;
  if
  :: head == 3 -> goto out
  :: else
  fi;
  fill(head);
  seen = stamp[head];
  assert(seen != 0);
  head = word; /* SYNC 3: the operation in flight first, then the flush */
  if
  :: head == 3
  :: else ->
     fill(head);
     flush();
     acknowledged = true
  fi;
out:
  skip
}

proctype Compactor() {
  byte now;
  (word != 0);
  if
  :: word == 1 ->
     fill(1);
#ifdef MUTANT_SOURCE_CHECK
     check[2] = check[1];
#endif
     stamp[2] = stamp[1];
#ifdef MUTANT_EARLY_CHECK
     check[2] = SEAL(2, stamp[2]);
#endif
     atomic {
       if
       :: word == 1 -> word = 2; copy_won = true
       :: else
       fi
     };
     if
     :: copy_won -> fill(2)
     :: else
     fi
  :: else
  fi
}

/* Retires and frees the region of the record: any compactor that finds the copy in the index. */
proctype Freer() {
  byte now;
end:
  (word == 2);
#ifndef MUTANT_NO_FILL_OF_COPY
  fill(2);
#endif
  flush();
  freed = true
}

proctype Replacer() {
  byte now;
  (word != 0);
  if
  :: word == 1 ->
     fill(1);
     atomic {
       if
       :: word == 1 -> word = 3
       :: else
       fi
     }
  :: else
  fi
}

active proctype WriteBack() {
end:
  do
  :: disk_stamp[1] != stamp[1] -> disk_stamp[1] = stamp[1]
  :: disk_check[1] != check[1] -> disk_check[1] = check[1]
  :: disk_stamp[2] != stamp[2] -> disk_stamp[2] = stamp[2]
  :: disk_check[2] != check[2] -> disk_check[2] = check[2]
  od
}

/* The power cut, at any time.  The successor is somebody else's record: with it, nothing of this one is asked for. */
active proctype PowerCut() {
  atomic {
    assert(copy_won || !VALID(2, stamp[2], check[2]));
    assert(!acknowledged || word == 3 || (!freed && ON_DISK(1)) || ON_DISK(2));
    assert(seen == 0 || !ON_DISK(1) || disk_stamp[1] == seen);
    assert(seen == 0 || !ON_DISK(2) || disk_stamp[2] == seen);
    assert(!ON_DISK(1) || disk_stamp[1] == stamp[1])
  }
}

init {
  atomic {
    run Writer(); run Ticker(); run Compactor();
#ifdef READ
    run Reader();
#endif
#ifdef FREE
    run Freer();
#endif
#ifdef REPLACE
    run Replacer();
#endif
  }
}
