/* The walk along a leaf of 8-byte slots: one key, one slot, though slots are emptied by sweeps and leaves are copied.
 *
 * Modelled: KEY (walk, insertion into the first empty slot, replacement, the CAS that fails on FREEZE), SWEEP 5 (word
 *   to DEAD), INDEX GROWTH 1-3 by one splitter or two; get.  All keys have the same 20 bits and the same first slot.
 * Property: a key is never in two slots; each key ends at what was published last; a get finds what was there when it
 *   began or something newer.
 * Bounds: two keys, leaves of 3 and 4 slots, one tombstone, writers, splitters and readers as the scenes say.
 * Left out: who finishes a frozen leaf (leaf_split: whoever meets it; here he waits), probing round the end of a
 *   leaf.
 *
 * scene small quick: -DREAD_B
 * scene read_a: -DREAD_A
 * scene twice: -DWRITE_B -DREAD_B
 * scene more: -DWRITE_A -DREAD_A
 * scene two_splits: -DSPLITS=2 -DREAD_B
 * mutant EMPTY_AGAIN in twice: a swept slot becomes 0: the key behind it is inserted a second time before it
 * mutant FREEZE_USED in small: empty slots stay open while the leaf is copied: an insertion is lost
 * mutant ANY_EMPTY in small: an insertion may pass by an empty slot: two insertions of a key do not meet
 * mutant INTO_DEAD in twice: an insertion takes a DEAD slot: the key may be behind it
 * mutant DEAD_ENDS in small: a get ends at DEAD as at an empty slot: it misses the key behind
 */
#define DEAD 255
#define KEY(record) ((record) / 32)
#define A 1
#define B 2
#define OLD_A 33   /* records: key * 32 + version */
#define NEW_A 34
#define MORE_A 35
#define TOMB_A 36
#define NEW_B 65
#define MORE_B 66
#define SIZE(leaf) ((leaf) == 0 -> 3 : 4) /* a leaf is the number of its first slot: 0, 3, 7 */

byte word[11];
bool frozen[11];
byte leaf;                       /* what the parent word names */
byte newest_a = OLD_A, newest_b; /* ghost: published last */
byte sequence = 1;               /* ghost: how many versions of A were published, ... */
byte when[37];                   /* ... and which of them each was, ... */
byte returned_a = 1;             /* ... and the last whose put returned */
bool returned_b;

inline published(key, record) {
  if
  :: key == A -> sequence++; when[record] = sequence; mine = sequence; newest_a = record
  :: else -> newest_b = record
  fi
}

#ifdef MUTANT_INTO_DEAD
#define IS_PLACE(w) ((w) == 0 || (w) == DEAD || KEY(w) == key)
#else
#define IS_PLACE(w) ((w) == 0 || ((w) != DEAD && KEY(w) == key))
#endif

proctype Put(byte key; byte record) {
  byte l, i, head, mine;
  bool is_frozen;
again:
  atomic { l = leaf; i = 0 }
look:
  if
  :: i == SIZE(l) -> goto end_full
  :: else
  fi;
  atomic { head = word[l + i]; is_frozen = frozen[l + i] }
  if
  :: IS_PLACE(head) ->
     if
     :: is_frozen -> goto end_full
     :: else
     fi;
#ifdef MUTANT_ANY_EMPTY
     if
     :: head == 0 && i + 1 < SIZE(l) -> i++; goto look
     :: true
     fi;
#endif
     atomic {
       if
       :: word[l + i] == head && !frozen[l + i] -> word[l + i] = record; published(key, record); goto done
       :: else -> goto look
       fi
     }
  :: else -> i++; goto look
  fi;
end_full: /* the leaf is full, or frozen and about to be swung */
  atomic { leaf != l; goto again }
done:
  atomic {
    if
    :: key == A && mine > returned_a -> returned_a = mine
    :: key == B -> returned_b = true
    :: else
    fi
  }
}

#ifdef MUTANT_EMPTY_AGAIN
#define SWEPT 0
#else
#define SWEPT DEAD
#endif
proctype Sweeper() {
  byte l, i;
end:
  atomic {
    (newest_a == TOMB_A);
    l = leaf;
    do
    :: i < SIZE(l) && word[l + i] != TOMB_A -> i++
    :: else -> break
    od
  };
  if
  :: i < SIZE(l) ->
     atomic {
       if
       :: word[l + i] == TOMB_A && !frozen[l + i] -> word[l + i] = SWEPT; newest_a = 0
       :: else
       fi
     }
  :: else
  fi
}

#define LIVES(w) ((w) != 0 && (w) != DEAD)

proctype Splitter(byte into) {
  byte l, i, j;
  l = leaf;
  do
  :: i < SIZE(l) ->
#ifdef MUTANT_FREEZE_USED
     atomic {
       if
       :: word[l + i] != 0 -> frozen[l + i] = true
       :: else
       fi;
       i++
     }
#else
     atomic { frozen[l + i] = true; i++ }
#endif
  :: else -> break
  od;
  i = 0;
  j = into;
  do
  :: i < SIZE(l) ->
     atomic {
       if
       :: LIVES(word[l + i]) -> word[j] = word[l + i]; j++
       :: else
       fi;
       i++
     }
  :: else -> break
  od;
  atomic {
    if
    :: leaf == l -> leaf = into
    :: else
    fi
  }
}

/* The slot word of the key, or 0. */
inline get(key) {
  l = leaf;
  i = 0;
  do
  :: i == SIZE(l) -> head = 0; break
  :: else ->
     head = word[l + i];
     if
     :: head == 0 -> break
#ifdef MUTANT_DEAD_ENDS
     :: head == DEAD -> head = 0; break
#endif
     :: head != 0 && head != DEAD && KEY(head) == key -> break
     :: else -> i++
     fi
  od
}

proctype ReaderA() {
  byte l, i, head, before;
  before = returned_a;
  get(A);
  assert((head != 0 && when[head] >= before) || (head == 0 && when[TOMB_A] != 0 && when[TOMB_A] >= before))
}

proctype ReaderB() {
  byte l, i, head;
  bool before;
  before = returned_b;
  get(B);
  assert(!before || head != 0)
}

init {
  byte i, count_a, count_b;
  atomic {
    word[0] = OLD_A; when[OLD_A] = 1;
    run Put(A, NEW_A); run Put(B, NEW_B); run Put(A, TOMB_A); run Sweeper(); run Splitter(3);
#ifdef WRITE_A
    run Put(A, MORE_A);
#endif
#ifdef WRITE_B
    run Put(B, MORE_B);
#endif
#if SPLITS == 2
    run Splitter(7);
#endif
#ifdef READ_A
    run ReaderA();
#endif
#ifdef READ_B
    run ReaderB();
#endif
  }
end:
  atomic { /* all have ended, but perhaps a sweeper with nothing to sweep */
    (_nr_pr == 1 || (_nr_pr == 2 && newest_a != TOMB_A && returned_b)) ->
    do
    :: i < SIZE(leaf) ->
       if
       :: LIVES(word[leaf + i]) && KEY(word[leaf + i]) == A -> count_a++; assert(word[leaf + i] == newest_a)
       :: LIVES(word[leaf + i]) && KEY(word[leaf + i]) == B -> count_b++; assert(word[leaf + i] == newest_b)
       :: else
       fi;
       i++
    :: else -> break
    od;
    assert(count_a == (newest_a != 0));
    assert(count_b == 1)
  }
}
