/* The protocol of the rooms slots, queue, pool and lifetime of include/background.hpp, for the model checker Spin: see
 * run. Every name is that of the header's function or variable. Left out: fork; looks (one that finds nothing changes
 * nothing, one that finds a job is the pop that comes after it); that exit() interrupts a wait; weaker memory orders.
 * Searched for are assertions that fail (the numbers are the invariants above class pool) and sleep without an end, not
 * who is busy without an end.
 *
 * A step accesses one of the variables that others use without mutex_, and any that mutex_ guards. It may begin with
 * taking mutex_ or popping_, and end with releasing it: others see no difference. That the header wakes only then makes
 * none either: all who sleep on a condition look again, and are alike.
 *
 * Threads and jobs have programs, messages in channels: `main!submits(0)`, `job[0]!gets(1)`. A function that returns
 * something sets a variable, which its comment names. Sets are of bits; a worker is a set of one. */
#define JOBS 4
#define NONE 15
#define one_comes 1
#define one_looks 2
#define bit_of(each) (1 << (each))
#define all_but_first(set) (set & (set - 1))
#define first_of(set) (set & -set)
#define LOCALS byte next = NONE, fresh, object, seen, sought, most_sent, each; \
    bool may, starts, failed, is_wanted_back, idle, was_idle, is_late, is_untold; short sum

#define PLANTED(fault) (planted == fault)           /* by its name; after it the scenario that has to find it */
#define no_hand_on 1 /* hold: who has come, or looked around, runs its job without a look at the next */
#define no_second_look 2 /* two_gets: balance goes away when a start is refused, though somebody has parked meanwhile */
#define slot_kept 3 /* get_with_one: block does not give the slot back */
#define recall_read_early 4 /* n_falls: pop asks whether slots are wanted back before it looks at the first job */
#define token_read_early 5 /* plain: submit reads seekers_ before it pushes */
#define closes_while_growing 6 /* stampede: the pool closes while a worker is being started */
#define resumes_last 7 /* get_with_one: unblock grants no slot, and waits until somebody else does */
#define starts_at_once 8 /* stampede: ensure does not wait for what another thread starts */
#define no_retry 9 /* retry: no thread is tried for again */
#define ready_is_cut_off 10 /* exit_ready: exit() in a job also leaves jobs behind whose future is ready */
#define cut_off_read_first 11 /* exit_ready: close_at_lull reads outstanding() after cut_off() */
#define wakes_untold 12 /* spurious: a sleeping worker takes a spurious wake-up for a call */
#define no_last_resort 13 /* exit_refused: the exiting thread runs no jobs */
#define finished_read_last 14 /* wait_beside: outstanding() reads what has finished after what was submitted */
#define leaves_while_growing 15 /* n_falls_amid_start: a worker leaves that may be one whose starter is not back yet */

/* sets_n, gets, holds_for (a wait that keeps its slot) and submits say which; waits says for which jobs, a set. */
mtype:verb = { submits, sets_n, waits, drains, gets, holds_for, awaits_retry, exits };
chan main = [6] of { mtype:verb, byte };
chan other[2] = [2] of { mtype:verb, byte };        /* threads that are no workers */
chan job[JOBS] = [3] of { mtype:verb, byte };
bool popping_, closing, closed_;
byte mutex_, limit_, held_, resuming_, seekers_, workers_, retry_; /* mutex_: whose it is */
byte parked_, unparks_, growing_, blocked_, granted_, exits_, late_ = 1, inline_, last_left_, spare_;
byte unparked_, granted_slot_, changed_;            /* sets of processes that sleep there */
byte submitted_, submitted, finished;               /* by others; the sums of what the workers count */
byte queue_[JOBS], head, end_, unlinked;            /* jobs by their place; a set of jobs, each behind a gap */
byte awaited[JOBS];                                 /* so many jobs wait for this one's future in get() */
/* Known to the assertions alone. */
byte begun, started, ready, over, waiting;          /* sets of jobs; ready: the future; waiting: in get() or exit() */
byte alive, joinable, running, threads; bool ends;  /* workers; jobs that run, threads with a program */
byte failures, spurious;                            /* so many starts may fail, so many wake-ups are spurious */
hidden byte workers = 2, n = 1, most, needed, alone = NONE, planted, scenario; /* of the scenario: see scenarios.pml */

#define has_free (held_ < limit_)
#define is_empty (head == end_)
#define length (end_ - head)
#define is_first_linked (!is_empty && !(unlinked & bit_of(queue_[head])))
#define is_gap_behind_first (length > 1 && (unlinked & bit_of(queue_[head + 1])))
#define unblocked (workers_ - blocked_)
#define accounted (held_ + parked_ + blocked_ + resuming_)

/* --- mutex_, conditions, bell --- */
inline lock() { (mutex_ == 0 || mutex_ == _pid) -> mutex_ = _pid } /* or it has been */
inline unlock() { d_step { /* (1) */
    assert(workers_ == accounted || (growing_ > 0 && workers_ < accounted));
    assert((resuming_ == 0 || !has_free) && held_ >= unparks_ + granted_);
    mutex_ = 0 } }
inline sleep_on(condition) { atomic { condition = condition | bit_of(_pid); unlock() } }
inline lock_awake(condition) { /* after that; a spurious wake-up from the bell is more than the header allows */
    if
    :: !(condition & bit_of(_pid))
    :: (condition & bit_of(_pid)) && spurious > 0 ->
        spurious--; condition = condition & ~bit_of(_pid); is_untold = PLANTED(wakes_untold)
    fi;
    lock() }
#define notify_all(condition) condition = 0
#define ring() notify_all(changed_)

/* --- slots, queue --- */
inline take() { held_++; assert(held_ <= limit_) } /* (4) */
inline are_wanted_back() { /* is_wanted_back; seen is held_, as it has just been read */
    d_step { is_wanted_back = (seen > limit_); seen = 0 };
    is_wanted_back = is_wanted_back || resuming_ > 0 }
inline push(pushed) {
    d_step { queue_[end_] = pushed; end_++; unlinked = unlinked | bit_of(pushed) };
    unlinked = unlinked & ~bit_of(pushed) }
inline may_run() { running++; assert(running <= most && (running == 1 || !(started & ~ready & bit_of(alone)))) }
inline unlink() { d_step { /* and the job begins */
    if
    :: is_wanted_back || !is_first_linked || is_gap_behind_first
    :: else -> next = queue_[head]; queue_[head] = 0; head++;
        assert(!(started & bit_of(next))); /* (2) */
        started = started | bit_of(next); may_run()
    fi;
    popping_ = false; is_wanted_back = false } }
inline pop() { /* next: a job, or NONE */
    if
    :: atomic { is_first_linked && !popping_ && !PLANTED(recall_read_early) -> popping_ = true; seen = held_ };
        are_wanted_back(); unlink()
    :: !is_first_linked && !PLANTED(recall_read_early)
    :: atomic { PLANTED(recall_read_early) -> seen = held_ }; are_wanted_back(); atomic { !popping_ -> unlink() }
    fi }
inline has_more_than_seen() { /* may */
    atomic { !popping_ -> popping_ = true; seen = (unlinked || length < seen -> (unlinked -> 0 : length) : seen) };
    d_step { may = (length > seen); popping_ = false; seen = 0 } }

/* --- pool: decisions, under mutex_ --- */
inline outstanding() { /* sum; was_idle: there was a moment without jobs */
    atomic { lock(); was_idle = (begun == over); sum = sum - (PLANTED(finished_read_last) -> 0 : finished) };
    sum = sum + submitted_;
    sum = sum + submitted - (PLANTED(finished_read_last) -> finished : 0) }
inline is_idle() { /* idle */
    outstanding();
    d_step { idle = (sum == 0 && one_looks * held_ <= seekers_); sum = 0 } }
inline ring_if_idle() { is_idle(); d_step { if :: idle -> ring() :: else fi; idle = false; was_idle = false } }
inline cut_off() { d_step { /* is subtracted from sum */
    sum = sum - exits_;
    for (each : 0 .. JOBS - 1) {
        if
        :: exits_ > 0 && (PLANTED(ready_is_cut_off) || !(ready & bit_of(each))) -> sum = sum - awaited[each]
        :: else
        fi
    };
    each = 0 } }
inline close_at_lull() {
    if
    :: closing && !closed_ && (growing_ == 0 || PLANTED(closes_while_growing)) ->
        if :: PLANTED(cut_off_read_first) -> cut_off(); outstanding() :: else -> outstanding(); cut_off() fi;
        d_step {
            if :: sum == 0 -> closed_ = true; notify_all(unparked_); ring() :: else fi;
            sum = 0; was_idle = false }
    :: else
    fi }
inline start() { /* its first half: fresh, a worker, or 0 if no thread can be had */
    starts = true; growing_++;
    if
    :: fresh = first_of(spare_)
    :: failures > 0 && spare_ != 0 -> failures--
    fi;
    spare_ = spare_ & ~fresh; alive = alive | fresh; unlock() }
inline start_ends() {
    atomic { lock(); starts = false; growing_--; ring();
        if :: parked_ > limit_ -> notify_all(unparked_) :: else fi;
        if
        :: fresh -> joinable = joinable | fresh; parked_++; workers_++; assert(workers_ <= needed); retry_ = 0
        :: else -> retry_ = 1
        fi };
    if :: fresh == 0 -> close_at_lull() :: else fi }
inline unpark() { parked_--; unparks_++; unparked_ = all_but_first(unparked_); most_sent-- }
inline send() {
    atomic { take() };
    atomic { seekers_++; if :: parked_ > 0 -> unpark() :: else -> start() fi };
    if
    :: starts -> start_ends();
        if
        :: atomic { fresh -> fresh = 0; unpark() }
        :: else -> seekers_--;
            d_step { held_--; if :: parked_ == 0 || PLANTED(no_second_look) -> most_sent = 0 :: else fi }
        fi
    :: else
    fi }
inline end_balance(releases) { most_sent = 0; if :: releases -> unlock() :: else fi }
inline balance(at_most, releases) {
    most_sent = at_most;
    do
    :: atomic { lock();
            if
            :: resuming_ > 0 && has_free -> take()
            :: resuming_ == 0 && has_free && most_sent > 0 && !closed_ -> seen = seekers_ /* may_send */
            :: else -> end_balance(releases); break
            fi };
        if
        :: atomic { resuming_ > 0 -> resuming_--; granted_++; /* grant */
            if /* it wakes one of two */
            :: granted_slot_ = all_but_first(granted_slot_)
            :: all_but_first(granted_slot_) != 0 -> granted_slot_ = first_of(granted_slot_)
            fi }
        :: resuming_ == 0 -> has_more_than_seen();
            if
            :: may -> may = false; send()
            :: atomic { else -> end_balance(releases); break }
            fi
        fi
    od }
inline ensure(wanted) { /* failed */
    do
    :: atomic { lock_awake(changed_);
            if
            :: unblocked >= wanted || closed_ || failed -> break
            :: else -> if :: growing_ > 0 && !PLANTED(starts_at_once) -> sleep_on(changed_) :: else -> start() fi
            fi };
        if :: starts -> start_ends(); d_step { failed = (!fresh && unblocked < wanted); fresh = 0 } :: else fi
    od }
inline step_aside() {
    atomic { lock(); blocked_++; held_ = held_ - !PLANTED(slot_kept) };
    balance(1, false) }

/* --- pool: what any thread does --- */
#define seeking (PLANTED(token_read_early) -> sought : seekers_)
inline send_for_pushed() { /* the end of submit */
    seen = held_;
    if
    :: d_step { seen < limit_ -> seen = 0 };
        if
        :: seeking < 2 -> if :: is_empty :: else -> balance(1, true) fi
        :: seeking > 0 /* most_coming is 0 or 1 */
        fi
    :: d_step { else -> seen = 0 }
    fi;
    sought = 0 }
inline submit_late(late_job) {
    atomic { lock(); is_late = (closed_ || late_ == 0) };
    if
    :: !is_late -> d_step { late_--; submitted_++; begun = begun | bit_of(late_job) };
        push(late_job); balance(1, true)
    :: else ->
        d_step { is_late = !closed_; inline_ = inline_ + is_late; begun = begun | (is_late << late_job) };
        close_at_lull(); unlock();
        ready = ready | bit_of(late_job);
        if
        :: is_late -> atomic { lock(); inline_--; is_late = false; over = over | bit_of(late_job); ring(); unlock() }
        :: else
        fi
    fi }
inline submit(new_job) { /* and run() */
    if :: workers_ > 0 || closed_ :: else -> ensure(1); unlock() fi; /* staff */
    if
    :: failed -> failed = false /* it throws */
    :: else ->
        d_step { sought = (PLANTED(token_read_early) -> seekers_ : 0);
            submitted_++; is_late = closing; begun = begun | (!closing << new_job) };
        if
        :: !is_late -> push(new_job); send_for_pushed()
        :: else -> submitted_--; submit_late(new_job)
        fi
    fi }
inline set_limit(limit) {
    atomic { lock(); limit_ = limit; notify_all(unparked_) };
    balance(1, true) }
inline wait() {
    do
    :: atomic { lock_awake(changed_) }; is_idle();
        d_step {
            if :: closed_ -> idle = (workers_ == 0) :: else -> idle = idle && inline_ == 0; assert(was_idle || !idle) fi;
            was_idle = false };
        if :: idle -> idle = false; break :: else -> sleep_on(changed_) fi
    od;
    unlock() }
inline end_job() { running--; ready = ready | bit_of(next) }
inline finish_job() { atomic { finished++; over = over | bit_of(next); next = NONE } }
inline pop_past_gap() { /* next */
    do
    :: pop();
        if :: next != NONE -> break :: else -> seen = held_ fi;
        are_wanted_back();
        if
        :: is_wanted_back -> is_wanted_back = false; break
        :: else -> if :: is_empty -> break :: else fi
        fi
    od }
#define is_forsaken (unblocked == 0 && growing_ == 0 && has_free && !closed_ && !PLANTED(no_last_resort))
inline may_run_here() { if :: is_forsaken -> seen = seekers_; has_more_than_seen() :: else fi } /* may */
inline run_here() {
    balance(1, false); may_run_here();
    if
    :: may -> atomic { may = false; next = NONE; blocked_--; take(); unlock() };
        do :: pop_past_gap(); if :: next == NONE -> break :: else -> atomic { end_job() }; finish_job() fi od;
        step_aside()
    :: else
    fi }
#define join(left) !(alive & left)
inline drain(is_exiting) {
    atomic { lock(); closing = true };
    if :: is_exiting -> exits_++; step_aside() :: else fi;
    do
    :: atomic { lock_awake(changed_) };
        close_at_lull();
        if
        :: closed_ && workers_ <= blocked_ && inline_ == 0 && (exits_ == 0 || is_exiting) -> break
        :: else ->
            if :: is_exiting -> may_run_here() :: else fi;
            if :: may -> may = false; run_here() :: else -> sleep_on(changed_) fi
        fi
    od;
    atomic { fresh = last_left_; last_left_ = 0; unlock() };
    join(fresh);
    atomic { fresh = 0; ends = true; assert((begun & ~over & ~waiting) == 0);
        do :: alive != 0 -> alive = all_but_first(alive); each++ :: else -> break od;
        assert(each == blocked_) } }
#define ANY_THREAD_ACTS(program) \
    :: program?sets_n(object) -> set_limit(object) \
    :: program?holds_for(object) -> (ready & bit_of(object)) /* in a job: keeps its slot */

/* --- pool: what a worker does --- */
inline stop_seeking() { seekers_ = seekers_ - seeks; seeks = 0 }
inline look_around() {
    d_step { sought = seekers_ - seeks; seekers_ = sought + one_looks; seeks = one_looks };
    if
    :: atomic { sought < one_looks && changed_ != 0 -> sought = 0 }; ring_if_idle(); unlock()
    :: atomic { else -> sought = 0 }
    fi }
inline hand_on() {
    if
    :: d_step { seeks > 0 -> sought = seeks; stop_seeking() };
        seen = held_;
        if
        :: d_step { seen < limit_ && !PLANTED(no_hand_on) -> seen = 0 };
            if :: is_empty :: else -> balance(3 - sought, true) fi
        :: d_step { else -> seen = 0 }
        fi;
        sought = 0
    :: else
    fi }
inline find() { /* next */
    pop();
    if :: next == NONE -> look_around(); pop_past_gap() :: else fi;
    if :: next != NONE -> hand_on() :: else fi }
inline serve() {
    do
    :: find();
        if :: next == NONE -> break :: else -> run_job(); finish_job() fi;
        if
        :: atomic { retry_ > 0 && !PLANTED(no_retry) -> retry_ = 0 }; balance(1, true)
        :: else
        fi
    od }
inline park() {
    atomic { lock(); stop_seeking() };
    d_step { held_--; parked_++ };
    balance(1, false);
    if
    :: closing || changed_ != 0 -> close_at_lull(); if :: changed_ != 0 -> ring_if_idle() :: else fi
    :: else
    fi }
inline get(whose) {
    ensure(2); /* block */
    if
    :: failed -> failed = false; unlock() /* it throws */
    :: else -> d_step { awaited[whose]++; waiting = waiting | bit_of(next); running-- };
        step_aside(); close_at_lull(); unlock();
        atomic { (ready & bit_of(whose)); lock(); awaited[whose]--; /* unblock */
            if :: closed_ -> assert(!(begun & bit_of(whose))) :: else -> blocked_--; resuming_++ fi };
        if :: closed_ || PLANTED(resumes_last) :: else -> balance(1, false) fi;
        do
        :: atomic { lock_awake(granted_slot_); if :: granted_ > 0 -> break :: else -> sleep_on(granted_slot_) fi }
        od;
        atomic { granted_--; unlock(); waiting = waiting & ~bit_of(next); may_run() }
    fi }
inline run_job() {
    do
    :: atomic { job[next]?submits(object) ->
            sought = (PLANTED(token_read_early) -> seekers_ : 0); submitted++; begun = begun | bit_of(object) };
        push(object); send_for_pushed()
    :: job[next]?gets(object) -> get(object)
    :: job[next]?awaits_retry(_) -> (retry_ > 0 || workers_ > 1)
    :: job[next]?exits(_) -> atomic { running--; waiting = waiting | bit_of(next) }; drain(true); false
    ANY_THREAD_ACTS(job[next])
    :: atomic { empty(job[next]) -> object = 0; end_job(); break }
    od }

#define is_needless ((growing_ == 0 || PLANTED(leaves_while_growing)) && (closed_ || parked_ > limit_))
proctype worker(byte self) {
    LOCALS; byte seeks;
    do
    :: atomic { alive & self; lock_awake(unparked_); /* sleep */
            if
            :: unparks_ > 0 || is_untold -> unparks_--; seeks = one_comes; unlock()
            :: unparks_ == 0 && !is_untold && is_needless ->
                assert(joinable & self); joinable = joinable & ~self; /* its starter has assigned what others join */
                parked_--; workers_--; fresh = last_left_; last_left_ = self; ring(); unlock(); starts = true
            :: else -> sleep_on(unparked_)
            fi };
        if
        :: seeks -> serve(); park()
        :: starts ->
            if :: fresh -> join(fresh); atomic { lock(); spare_ = spare_ | fresh; fresh = 0; unlock() } :: else fi;
            starts = false; alive = alive & ~self
        :: else
        fi
    od }
proctype thread(chan program) {
    LOCALS;
    do
    :: program?submits(object) -> submit(object)
    :: program?waits(object) -> wait(); assert((over & object) == object)
    :: program?drains(_) -> drain(false)
    ANY_THREAD_ACTS(program)
    :: atomic { empty(program) -> threads--; break }
    od }
#define SCENARIO(name) scenario == __COUNTER__ /* they are numbered from 0, in their order */
init { byte each;
    d_step {
        c_code { planted = atoi(getenv("PLANTED")); scenario = atoi(getenv("SCENARIO")); };
        if
#include "scenarios.pml"
        fi;
        limit_ = n; spare_ = bit_of(workers) - 1;
        if :: most == 0 -> most = n :: else fi;
        if :: needed == 0 -> needed = workers :: else fi
    };
    atomic {
        do :: each < workers -> run worker(bit_of(each)); each++ :: else -> break od;
        if :: nempty(other[0]) -> threads++; run thread(other[0]) :: empty(other[0]) fi;
        if :: nempty(other[1]) -> threads++; run thread(other[1]) :: empty(other[1]) fi;
        threads++; run thread(main) };
    timeout -> assert(ends && (threads == 0 || exits_ > 0)) } /* (3), and the drain ends, and what the threads do, unless a job exits */
