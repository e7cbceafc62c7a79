//! How far apart things are, as the crow flies.

use muster_log::ids::ObjectId;

use crate::{
    state::{Object, State},
    value::Typed,
};

const EARTH_M: f64 = 6_371_000.0;

/// Where an object is: its own place, else that of its site. In 1e-7 degrees.
pub fn point_of(state: &State, object: &Object) -> Option<(i32, i32)> {
    let own = |object: &Object| match object.get("place") {
        Some(Typed::Place(place)) => place.point,
        _ => None,
    };
    own(object).or_else(|| {
        let site = object.reference("site").map(|s| state.canonical(s))?;
        own(&state.object(site)?)
    })
}

/// As [`point_of`], by the object's id.
pub fn point_of_id(state: &State, id: ObjectId) -> Option<(i32, i32)> {
    point_of(state, &state.object(id)?)
}

/// Metres between two points on a sphere.
pub fn metres(a: (i32, i32), b: (i32, i32)) -> f64 {
    let rad = |n: i32| (f64::from(n) / 1e7).to_radians();
    let (lat_a, lat_b) = (rad(a.0), rad(b.0));
    let (d_lat, d_lon) = (lat_b - lat_a, rad(b.1) - rad(a.1));
    let h = (d_lat / 2.0).sin().powi(2) + lat_a.cos() * lat_b.cos() * (d_lon / 2.0).sin().powi(2);
    2.0 * EARTH_M * h.sqrt().min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_map() {
        let port_au_prince = (185_392_000, -723_364_000);
        let leogane = (185_117_000, -726_333_000);
        let apart = metres(port_au_prince, leogane);
        assert!((31_000.0..32_000.0).contains(&apart), "{apart}");
        assert!(metres(leogane, leogane) < 0.001);
        // Over the date line it is not around the world.
        assert!(metres((0, 1_799_990_000), (0, -1_799_990_000)) < 300.0);
    }
}
