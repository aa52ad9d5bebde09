/* The gate word of a region over two lives: a ticket belongs to the life that it was taken for.
 *
 * Modelled: COMPACT 4-5: whoever visits loads {RETIRED, generation}, takes a sync ticket, then CAS {generation, 0} to
 *   {generation, ticket}; syncs that end when they like; CAS RETIRED,g to FREE,g.  The region's next life leaves
 *   successors in dirty pages, is retired and gated in its turn.
 * Property: a life is freed only after a sync that began after its retirement.
 * Bounds: one region, two lives, one visitor that may stop between any two steps, one syncer.
 * Left out: pins (reclaim), what the sync writes (power_gate).
 *
 * scene all quick: -DVISITORS=1
 * scene two: -DVISITORS=2
 * mutant NO_TAG in all: the gate word without its generation: an old visitor's ticket opens the gate of the next life
 * mutant TICKET_FIRST in all: the ticket taken before the state was seen: it may be of before the retirement
 * mutant NO_GENERATION in all: a freer that looked at the last life frees this one
 * mutant NO_TICKET in all: a gate without a ticket counts as open
 */
#define OPEN 0
#define RETIRED 1
#define FREE 2

byte generation = 1, state = OPEN;   /* one word */
byte gate_generation = 1, gate;      /* one word: the ticket, 0 = none yet */
byte asked, done;
bool dirty;                          /* ghost: no sync began since the life was retired */

inline take_ticket() { atomic { asked++; ticket = asked } }

inline visit() {
#ifdef MUTANT_TICKET_FIRST
  take_ticket();
#endif
  atomic { seen = generation; retired = (state == RETIRED) }
  if
  :: retired ->
#ifndef MUTANT_TICKET_FIRST
     take_ticket();
#endif
     atomic {
       if
#ifdef MUTANT_NO_TAG
       :: gate == 0 -> gate = ticket
#else
       :: gate == 0 && gate_generation == seen -> gate = ticket
#endif
       :: else
       fi
     }
  :: else
  fi;
  atomic { seen = 0; retired = false; ticket = 0 }
}

proctype Visitor() { byte seen, ticket; bool retired; visit() }

proctype Syncer() {
  byte covers;
end:
  do
  :: atomic { asked > done -> covers = asked; dirty = false };
     atomic { done = covers; covers = 0 }
  od
}

/* Anybody frees, and may stop between any two steps. */
inline try_free() {
  atomic { seen = generation; retired = (state == RETIRED) }
  if
  :: retired ->
     atomic { ticket = gate; retired = (gate_generation == seen) } /* a word of another life counts as 0 */
#ifndef MUTANT_NO_TICKET
     retired = retired && ticket != 0;
#endif
     if
     :: retired && done >= ticket ->
        atomic {
          if
#ifdef MUTANT_NO_GENERATION
          :: state == RETIRED -> assert(!dirty); state = FREE
#else
          :: state == RETIRED && generation == seen -> assert(!dirty); state = FREE
#endif
          :: else
          fi
        }
     :: else
     fi
  :: else
  fi;
  atomic { seen = 0; retired = false; ticket = 0 }
}

proctype Freer() { byte seen, ticket; bool retired; try_free() }

/* The life's compactor; the claimer of the next one. */
proctype Worker() {
  byte seen, ticket, lives;
  bool retired;
  do
  :: lives < 2 ->
     atomic { gate = 0; gate_generation = generation };
     atomic { state = RETIRED; dirty = true };
     visit();
     do
     :: state == FREE -> break
     :: state == RETIRED && gate != 0 && done >= gate -> try_free()
     od;
     lives++;
     atomic { generation++; state = OPEN }
  :: else -> break
  od
}

init {
  atomic {
    run Worker(); run Syncer(); run Visitor(); run Freer();
#if VISITORS == 2
    run Visitor();
#endif
  }
}
