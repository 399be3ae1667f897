// The arithmetic of slots, alone: who may run, and whether slots are wanted back.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "catch.hpp"

using background::detail::slot_counts;

TEST_CASE("As many slots are free as are not held") {
    slot_counts slots(2);
    CHECK(slots.has_free());
    slots.take();
    CHECK(slots.has_free());
    slots.take();
    CHECK(slots.held() == 2);
    CHECK_FALSE(slots.has_free());
    slots.give_back();
    CHECK(slots.has_free());
}

TEST_CASE("Where the number of processors is unknown there is one slot") { CHECK(slot_counts(0).limit() == 1); }

TEST_CASE("A limit that falls wants the surplus back and grants nothing meanwhile") {
    slot_counts slots(3);
    for (int i = 0; i < 3; ++i) slots.take();
    CHECK_FALSE(slots.are_wanted_back());
    slots.set_limit(1);
    CHECK(slots.limit() == 1);
    for (int held = 3; held > 1; --held) {
        CHECK(slots.are_wanted_back());
        CHECK_FALSE(slots.has_free());
        slots.give_back();
    }
    CHECK_FALSE(slots.are_wanted_back());
    CHECK_FALSE(slots.has_free());
    slots.set_limit(2);
    CHECK(slots.has_free());
}

TEST_CASE("A job that resumes wants a slot back and is granted the next one that is free") {
    slot_counts slots(1);
    CHECK_FALSE(slots.grant()); // nobody wants one
    slots.take();
    slots.want_again();
    slots.want_again();
    CHECK(slots.resuming() == 2);
    CHECK(slots.are_wanted_back());
    CHECK_FALSE(slots.grant()); // none is free
    slots.give_back();
    CHECK(slots.grant());
    CHECK(slots.held() == 1);
    CHECK(slots.resuming() == 1);
    CHECK_FALSE(slots.grant());
    CHECK(slots.are_wanted_back());
    slots.give_back();
    CHECK(slots.grant());
    CHECK_FALSE(slots.are_wanted_back());
}

TEST_CASE("The largest limit is no other than others") {
    slot_counts slots(2147483647);
    slots.take();
    slots.want_again();
    CHECK(slots.has_free());
    CHECK(slots.grant());
    CHECK(slots.held() == 2);
}
