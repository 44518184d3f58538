//! How many connections there may be at once, in all and of one address: nobody shuts the others out.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;

/// How many there may be in all.
const MOST: usize = 512;
/// How many of one address.
const MOST_OF_ONE: usize = 128;

/// The places that are taken, by address.
#[derive(Debug, Default)]
pub(super) struct Places(RefCell<HashMap<IpAddr, usize>>);

/// A place, free again once this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Rc<Places>,
    of: IpAddr,
}

impl Places {
    /// A place for who has an address; `None` if there is none left.
    pub(super) fn take(places: &Rc<Places>, of: IpAddr) -> Option<Place> {
        let mut taken = places.0.borrow_mut();
        if taken.values().sum::<usize>() >= MOST || taken.get(&of).is_some_and(|count| *count >= MOST_OF_ONE) {
            return None;
        }
        *taken.entry(of).or_default() += 1;
        Some(Place { places: places.clone(), of })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.borrow_mut();
        if let Some(count) = taken.get_mut(&self.of) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_all() {
        let places = Rc::new(Places::default());
        let address = |last: u8| IpAddr::from([10, 0, 0, last]);
        let greedy: Vec<Place> = (0..200).filter_map(|_| Places::take(&places, address(1))).collect();
        assert_eq!(greedy.len(), MOST_OF_ONE);
        let other = Places::take(&places, address(2));
        assert!(other.is_some());
        let of_many = |count: usize| (0..count).filter_map(|nth| Places::take(&places, address(3 + (nth % 200) as u8)));
        let all: Vec<Place> = of_many(1000).collect();
        assert_eq!(all.len() + greedy.len() + 1, MOST);
        drop((greedy, other, all));
        assert!(places.0.borrow().is_empty());
    }
}
