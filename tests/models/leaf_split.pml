/* Growth of the index: freeze, copy, swing, for a leaf and for the inner node above it.
 *
 * Modelled: INDEX GROWTH (grow.0 to grow.3) of a leaf of two slots, the re-homing of its inner node of two words when
 *   an index region is emptied, puts that meet what is frozen, gets.  A split whose parent word is frozen finishes
 *   the inner node first and starts again from the top.
 * Property: no put is lost; a get never goes back, nor behind a put that had returned; with the splitter and the
 *   re-homer dead after any of their steps a writer still ends, after at most one try more than there is to finish.
 * Bounds: root word, inner node, two leaves; two keys of one leaf, one of the other; two writers, one splitter, one
 *   re-homer, both may die, one reader, as the scenes say.
 * Left out: empty and dead slots and the walk along a leaf (slots8); the space of what lost its swing (index
 *   reclaim).
 *
 * scene split quick: -DWRITERS=2 -DSPLIT -DREAD
 * scene rehome quick: -DWRITERS=1 -DSPLIT -DREHOME
 * scene rehome_read: -DWRITERS=1 -DSPLIT -DREHOME -DREAD
 * scene rehome_other: -DWRITERS=2 -DOTHER -DSPLIT -DREHOME
 * mutant NO_FREEZE in split: a writer changes a frozen slot: its put is in the old leaf only
 * mutant HALF_FREEZE in split: the second slot stays open while the leaf is copied
 * mutant COPY_FIRST in split: read, then frozen: what was put between is lost
 * mutant BLIND_SWING in rehome: the swing does not ask for the freeze bit of the parent word: it lands in a dead node
 * mutant ONLY_RETRY in rehome: a frozen parent word is tried again, not finished: the writer ends never
 * mutant REHOME_FIRST in rehome: the inner node is copied before its words are frozen: the old leaf comes back
 */
#define LEAVES 12
#define INNERS 10
#define TRIES 8

byte slot[LEAVES * 2];
bool slot_frozen[LEAVES * 2];
byte child[INNERS * 2]; /* which leaf */
bool child_frozen[INNERS * 2];
byte root;              /* which inner node; the root itself is never frozen */
byte leaves = 2, inners = 1;
byte completed[3];      /* ghost: puts of each key that returned */

#define WORD(key) ((key) / 2)  /* of the inner node */
#define SLOT(key) ((key) % 2)  /* of the leaf */

#define MAY_DIE if :: mortal -> goto out :: skip fi

inline copy_leaf(from) {
  atomic {
    assert(leaves < LEAVES);
    n = leaves; leaves++;
    slot[n * 2] = slot[from * 2]; slot[n * 2 + 1] = slot[from * 2 + 1]
  }
}

inline copy_inner(from) {
  atomic {
    assert(inners < INNERS);
    n = inners; inners++;
    child[n * 2] = child[from * 2]; child[n * 2 + 1] = child[from * 2 + 1]
  }
}

inline rehome(node) {
#ifdef MUTANT_REHOME_FIRST
  copy_inner(node);
#endif
  child_frozen[node * 2] = true;
  MAY_DIE;
  child_frozen[node * 2 + 1] = true;
  MAY_DIE;
#ifndef MUTANT_REHOME_FIRST
  copy_inner(node);
#endif
  atomic {
    if
    :: root == node -> root = n
    :: else
    fi;
    n = 0
  }
}

/* The leaf that the word `w` of the inner node `i` named when it was loaded. */
inline split(i, w, leaf) {
#ifdef MUTANT_COPY_FIRST
  copy_leaf(leaf); /* and frozen after it */
#endif
  slot_frozen[leaf * 2] = true; /* grow.1a */
  MAY_DIE;
#ifndef MUTANT_HALF_FREEZE
  slot_frozen[leaf * 2 + 1] = true; /* grow.1 */
#endif
  MAY_DIE;
#ifndef MUTANT_COPY_FIRST
  copy_leaf(leaf); /* grow.2: what is frozen does not change, so one step stands for all its loads */
#endif
  MAY_DIE;
  atomic { /* grow.3 */
    if
#ifdef MUTANT_BLIND_SWING
    :: child[i * 2 + w] == leaf -> child[i * 2 + w] = n
#else
    :: child[i * 2 + w] == leaf && !child_frozen[i * 2 + w] -> child[i * 2 + w] = n
#endif
    :: else
    fi;
    n = 0
  }
}

/* From the top: a frozen parent word is finished before the leaf under it is split. */
inline grow(key) {
  if
  :: frozen_parent ->
#ifndef MUTANT_ONLY_RETRY
     rehome(i)
#endif
  :: else -> split(i, WORD(key), leaf)
  fi
}

inline find(key) {
  i = root;
  atomic { leaf = child[i * 2 + WORD(key)]; frozen_parent = child_frozen[i * 2 + WORD(key)] }
}

proctype Writer(byte key) {
  byte i, leaf, n, value, tries;
  bool frozen, frozen_parent, mortal;
  do
  :: assert(tries < TRIES);
     tries++;
     find(key);
     atomic { value = slot[leaf * 2 + SLOT(key)]; frozen = slot_frozen[leaf * 2 + SLOT(key)] }
#ifdef MUTANT_NO_FREEZE
     frozen = false;
#endif
     if
     :: frozen -> grow(key)
     :: else ->
        atomic {
          if
#ifdef MUTANT_NO_FREEZE
          :: slot[leaf * 2 + SLOT(key)] == value ->
#else
          :: slot[leaf * 2 + SLOT(key)] == value && !slot_frozen[leaf * 2 + SLOT(key)] ->
#endif
             slot[leaf * 2 + SLOT(key)] = value + 1; break
          :: else
          fi;
          value = 0
        }
     fi;
     atomic { leaf = 0; i = 0; frozen = false; frozen_parent = false }
  od;
  completed[key]++;
out:
  skip
}

proctype Splitter() {
  byte i, leaf, n;
  bool frozen_parent, mortal = true;
  find(0);
  grow(0);
out:
  skip
}

proctype Rehomer() {
  byte n, node;
  bool mortal = true;
  node = root;
  rehome(node);
out:
  skip
}

inline get(key, seen) {
  i = root;
  leaf = child[i * 2 + WORD(key)];
  seen = slot[leaf * 2 + SLOT(key)]
}

proctype Reader() {
  byte i, leaf, first, second, before;
  before = completed[0];
  get(0, first);
  assert(first >= before);
  before = completed[0];
  get(0, second);
  assert(second >= first && second >= before)
}

init {
  byte i, leaf;
  atomic {
    child[0] = 0; child[1] = 1;
    run Writer(0);
#if WRITERS == 2
#ifdef OTHER
    run Writer(2);
#else
    run Writer(1);
#endif
#endif
#ifdef SPLIT
    run Splitter();
#endif
#ifdef REHOME
    run Rehomer();
#endif
#ifdef READ
    run Reader();
#endif
  }
  (_nr_pr == 1) ->
  atomic {
    i = root; leaf = child[i * 2];
    assert(slot[leaf * 2] == completed[0] && completed[0] == 1);
    assert(slot[leaf * 2 + 1] == completed[1]);
    leaf = child[i * 2 + 1];
    assert(slot[leaf * 2] == completed[2]);
    assert(completed[1] + completed[2] == WRITERS - 1)
  }
}
