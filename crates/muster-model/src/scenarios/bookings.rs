//! Assignments on two islands: double bookings, slots, aliases, safety rules, leases.

use muster_log::{ids::Millis, role::Role};
use serde_json::json;

use super::{hex, meet, object, operation_with_two_tasks, proposed, two};
use crate::{
    booking,
    conflicts::{self, Choice, What},
    query, staffing,
    state::Outcome,
    table::{self, kinds},
    writes,
};

#[test]
fn one_volunteer_booked_on_two_islands() {
    let (mut a, mut b) = two();
    operation_with_two_tasks(&mut a);
    meet(&mut a, &mut b);
    a.write(
        kinds::ASSIGNMENT,
        30,
        &json!({"task": hex(20), "volunteer": hex(10), "status": "offered"}),
    );
    b.write(
        kinds::ASSIGNMENT,
        31,
        &json!({"task": hex(21), "volunteer": hex(10), "status": "offered"}),
    );
    let warnings = booking::check_assignment(&a.state, &proposed(21, 10));
    assert_eq!(warnings[0].code, "double-booked");
    assert_eq!(warnings[0].others, [object(30)]);
    assert!(warnings[0].may_override(Role::Volunteer));
    meet(&mut a, &mut b);
    let all = conflicts::conflicts(&a.state);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].what, What::DoubleBooking);
    assert_eq!(
        all[0].values[0].assignment,
        Some(object(31)),
        "the urgent task holds"
    );
    assert_eq!(all[0].json()["provisional"], hex(31));
    for (_, operations) in conflicts::settle(&b.state, &all[0], &Choice::Index(1)).unwrap() {
        b.enter(operations);
    }
    meet(&mut a, &mut b);
    assert!(conflicts::conflicts(&a.state).is_empty());
    assert_eq!(a.fields(31)["status"], "withdrawn");
    assert_eq!(a.fields(30)["status"], "offered");
}

#[test]
fn back_to_back_and_over_are_no_double_booking() {
    let (mut a, mut b) = two();
    operation_with_two_tasks(&mut a);
    a.write(
        kinds::ASSIGNMENT,
        30,
        &json!({"task": hex(20), "volunteer": hex(10), "status": "offered"}),
    );
    a.write(
        kinds::ASSIGNMENT,
        31,
        &json!({"task": hex(21), "volunteer": hex(10), "status": "offered",
        "from": "2026-11-24T12:00Z", "to": "2026-11-24T16:00Z"}),
    );
    a.write(
        kinds::ASSIGNMENT,
        32,
        &json!({"task": hex(21), "volunteer": hex(10), "status": "declined"}),
    );
    assert!(conflicts::conflicts(&a.state).is_empty());
    // No period at all overlaps everything.
    a.write(kinds::TASK, 22, &json!({"title": "Sans horaire"}));
    a.write(
        kinds::ASSIGNMENT,
        33,
        &json!({"task": hex(22), "volunteer": hex(10), "status": "acknowledged"}),
    );
    let all = conflicts::conflicts(&a.state);
    assert_eq!(all[0].values.len(), 3);
    meet(&mut a, &mut b);
}

#[test]
fn duplicates_joined_by_alias_show_their_double_booking() {
    let (mut a, _) = two();
    operation_with_two_tasks(&mut a);
    a.write(
        kinds::ASSIGNMENT,
        30,
        &json!({"task": hex(20), "volunteer": hex(10), "status": "offered"}),
    );
    a.write(
        kinds::ASSIGNMENT,
        31,
        &json!({"task": hex(21), "volunteer": hex(11), "status": "offered"}),
    );
    assert!(conflicts::conflicts(&a.state).is_empty());
    let join = writes::alias(&a.state, object(11), object(10)).unwrap();
    assert_eq!(a.enter(join), [Outcome::Applied]);
    assert_eq!(a.state.canonical(object(11)), object(10));
    assert_eq!(conflicts::conflicts(&a.state).len(), 1);
    let kind = table::kind(kinds::VOLUNTEER).unwrap();
    assert_eq!(query::list(&a.state, kind, &[], None, 10), [object(10)]);
    let part = writes::unalias(&a.state, object(11)).unwrap();
    a.enter(part);
    assert!(conflicts::conflicts(&a.state).is_empty());
    assert_eq!(query::list(&a.state, kind, &[], None, 10).len(), 2);
}

#[test]
fn a_slot_filled_on_two_islands() {
    let (mut a, mut b) = two();
    operation_with_two_tasks(&mut a);
    meet(&mut a, &mut b);
    let slot = a.fields(20)["slots"][0]["element"].clone();
    let fill =
        |v: u8| json!({"task": hex(20), "slot": slot, "volunteer": hex(v), "status": "offered"});
    a.write(kinds::ASSIGNMENT, 30, &fill(10));
    b.write(kinds::ASSIGNMENT, 31, &fill(11));
    let warnings = booking::check_assignment(&a.state, &proposed(20, 11));
    assert_eq!(
        warnings.iter().map(|w| w.code).collect::<Vec<_>>(),
        ["slot-full"]
    );
    meet(&mut a, &mut b);
    let all = conflicts::conflicts(&b.state);
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].what, all[0].object), (What::Slot, object(20)));
    let staffing = staffing::of_task(&a.state, object(20), Millis(0)).unwrap();
    assert_eq!(staffing.slots[0].count.offered, 2);
    assert_eq!(staffing.total.missing(), Some(-1));
    for (_, operations) in conflicts::settle(&a.state, &all[0], &Choice::Index(0)).unwrap() {
        a.enter(operations);
    }
    assert!(conflicts::conflicts(&a.state).is_empty());
}

#[test]
fn safety_rules_refuse() {
    let (mut a, _) = two();
    operation_with_two_tasks(&mut a);
    a.write(
        kinds::VOLUNTEER,
        10,
        &json!({"clearance": "ne pas affecter"}),
    );
    a.write(kinds::VOLUNTEER, 11, &json!({"minor": true}));
    a.write(kinds::TASK, 20, &json!({"needs_vetting": true}));
    let codes = |v| -> Vec<_> {
        booking::check_assignment(&a.state, &proposed(20, v))
            .into_iter()
            .map(|w| (w.code, w.refusal))
            .collect()
    };
    assert_eq!(codes(10), [("not-to-be-assigned", true)]);
    assert_eq!(codes(11), [("not-cleared", true), ("minor", true)]);
    assert_eq!(codes(99), [("no-such-person", true)]);
}

#[test]
fn statuses_follow_and_leases_run_out() {
    assert!(booking::may_follow(Some("offered"), "acknowledged"));
    assert!(!booking::may_follow(Some("done"), "offered"));
    assert!(!booking::may_follow(Some("declined"), "on-site"));
    let (mut a, _) = two();
    operation_with_two_tasks(&mut a);
    a.write(
        kinds::ASSIGNMENT,
        30,
        &json!({"task": hex(20), "volunteer": hex(10), "status": "delivered",
        "lease_until": "2026-11-24T07:00Z"}),
    );
    let read = booking::assignment(&a.state, object(30)).unwrap();
    assert!(read.is_active() && !read.is_unconfirmed(Millis(0)));
    assert!(read.is_unconfirmed(Millis(4_000_000_000_000)));
}
