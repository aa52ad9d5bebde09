/* The gate before the reuse of a region: a durable version is never destroyed before its successor is durable.
 *
 * Modelled: COMPACT 3-5 as a power cut sees them: v lies in region A, the erase writes its tombstone t into region B,
 *   A is retired, gated, freed and written over; then the tombstone is dropped, and B goes the same way.  A sync
 *   flushes the regions and their descriptors, in any order; the kernel writes each of them back at any time.
 * Property: once a sync covered the erase, no disk shows v without t; until then it shows v or t.
 * Bounds: one key, two regions, one sync after another, each with a ticket taken when it was asked for.
 * Left out: two lives of one gate word (gate), pins (reclaim), which blocks lie where in a region.
 *
 * scene all quick:
 * mutant NO_GATE in all: freed when no pin is left: the successor is in dirty pages only
 * mutant DATA_ONLY in all: the sync leaves out descriptors: FREE of A is in dirty pages when t is written over
 * mutant SKIP_RETIRED in all: a rebuild takes RETIRED for free: the mark may be on disk before the successor
 * mutant TICKET_FIRST in all: the ticket taken before A was retired, perhaps before the erase: its sync covers no t
 */
#define LIVE 1
#define RETIRED 2
#define FREE 3
#define V 1
#define T 2
#define NEXT_LIFE 9

#define A 0
#define B 1
byte state[2], disk_state[2];       /* descriptors */
byte content[2], disk_content[2];   /* of the only record */
byte asked, done;                   /* sync tickets */
bool durable;                       /* ghost: a sync that began after the erase has ended */
bool erased;

/* Syncs, by anybody: what was asked for before it began is done when it ends. */
proctype Syncer() {
  byte covers;
  bool after_erase;
end:
  do
  :: atomic { asked > done -> covers = asked; after_erase = erased };
#ifdef MUTANT_DATA_ONLY
     if
     :: true -> disk_content[A] = content[A]; disk_content[B] = content[B]
     :: true -> disk_content[B] = content[B]; disk_content[A] = content[A]
     fi;
#else
     if
     :: true ->
        disk_state[A] = state[A]; disk_content[A] = content[A];
        disk_content[B] = content[B]; disk_state[B] = state[B]
     :: true ->
        disk_content[B] = content[B]; disk_state[B] = state[B];
        disk_state[A] = state[A]; disk_content[A] = content[A]
     fi;
#endif
     if
     :: after_erase -> durable = true
     :: else
     fi;
     atomic { done = covers; covers = 0; after_erase = false }
  od
}

inline retire(region) {
  state[region] = RETIRED;
#ifndef MUTANT_NO_GATE
  if
  :: ticket == 0 -> atomic { asked++; ticket = asked }
  :: else
  fi;
  (done >= ticket);
  ticket = 0;
#endif
  state[region] = FREE;
  if
  :: content[region] = NEXT_LIFE
  :: skip
  fi
}

proctype Worker() {
  byte ticket;
#ifdef MUTANT_TICKET_FIRST
  atomic { asked++; ticket = asked };
#endif
  content[B] = T;
  erased = true;
  if
  :: asked++ /* a sync of its own */
  :: skip
  fi;
  retire(A);
  retire(B) /* t is no longer in the index: A is free in the memory of all */
}

proctype WriteBack() {
end:
  do
  :: disk_state[A] != state[A] -> disk_state[A] = state[A]
  :: disk_state[B] != state[B] -> disk_state[B] = state[B]
  :: disk_content[A] != content[A] -> disk_content[A] = content[A]
  :: disk_content[B] != content[B] -> disk_content[B] = content[B]
  od
}

#ifdef MUTANT_SKIP_RETIRED
#define SHOWS_V (disk_state[A] == LIVE && disk_content[A] == V)
#else
#define SHOWS_V (disk_state[A] != FREE && disk_content[A] == V)
#endif
#define SHOWS_T (disk_state[B] != FREE && disk_content[B] == T)

proctype PowerCut() {
  atomic {
    assert(!(durable && SHOWS_V && !SHOWS_T));
    assert(durable || SHOWS_V || SHOWS_T)
  }
}

init {
  atomic {
    state[A] = LIVE; state[B] = LIVE; disk_state[A] = LIVE; disk_state[B] = LIVE;
    content[A] = V; disk_content[A] = V;
    run Worker(); run Syncer(); run WriteBack(); run PowerCut()
  }
}
