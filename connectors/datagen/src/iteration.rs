//! Values that count: `iteration` of `arg.properties`, with `start`, `restart`, `step` and `initial`.
//!
//! The first value is `initial` (else `start`); each next one is a step further, and what reaches `restart` begins again at
//! `start`. A task that continues after a restart skips what was generated before.

use turnbuckle_api::Decimal;

/// A counter's state.
#[derive(Debug)]
pub(crate) enum Iteration {
    Boolean(bool),
    Integral(Integral),
    Decimal(DecimalCounter),
}

/// Whole numbers. `current` counts from `start`.
#[derive(Debug)]
pub(crate) struct Integral {
    start: i128,
    span: i128,
    step: i128,
    current: i128,
}

impl Integral {
    /// `restart` must differ from `start`, and `step` lead from the one to the other. `count` values were drawn before.
    pub(crate) fn new(start: i64, restart: i64, step: i64, initial: i64, count: i64) -> Self {
        let (start, step) = (i128::from(start), i128::from(step));
        let mut counter = Integral {
            start,
            // A default bound can make both ends equal; then nothing wraps but the number itself.
            span: match (i128::from(restart) - start).abs() {
                0 => 1 << 64,
                span => span,
            },
            step,
            current: i128::from(initial) - start,
        };
        if count > 0 {
            counter.advance(i128::from(count) * step);
        }
        counter
    }

    fn advance(&mut self, by: i128) {
        self.current = (self.current + by).abs() % self.span * self.step.signum();
    }

    pub(crate) fn next(&mut self) -> i64 {
        let value = self.start + self.current;
        self.advance(self.step);
        value as i64
    }
}

/// Decimal numbers, counted exactly in units of the finest digit that any of the settings has.
#[derive(Debug)]
pub(crate) struct DecimalCounter {
    start: i128,
    /// None if `restart` is out of reach.
    span: Option<i128>,
    step: i128,
    current: i128,
    scale: u32,
}

/// More digits after the point than this can't be counted.
const MAX_SCALE: i32 = 18;
/// Powers of ten up to this are exact as doubles, and so is division by them.
const MAX_EXACT: i128 = 1 << 53;

impl DecimalCounter {
    /// None if the numbers are too large or too fine to be counted exactly together.
    pub(crate) fn new(start: f64, restart: Option<f64>, step: f64, initial: f64, count: i64) -> Option<Self> {
        let numbers = [start, restart.unwrap_or(start), step, initial];
        let mut decimals: Vec<Decimal> = Vec::with_capacity(numbers.len());
        for number in numbers {
            decimals.push(format!("{number}").parse().ok()?);
        }
        let scale = decimals.iter().map(Decimal::scale).max()?.max(0);
        if scale > MAX_SCALE {
            return None;
        }
        let mut units = [0i128; 4];
        for (unit, decimal) in units.iter_mut().zip(&decimals) {
            *unit = i128::from(decimal.rescale(scale)?.unscaled_i64()?);
        }
        let [start, restart_at, step, initial] = units;
        let mut counter = DecimalCounter {
            start,
            span: restart.map(|_| restart_at - start).filter(|span| *span != 0),
            step,
            current: initial - start,
            scale: scale.unsigned_abs(),
        };
        if count > 0 {
            counter.advance(i128::from(count) * step);
        }
        Some(counter)
    }

    fn advance(&mut self, by: i128) {
        let next = self.current.saturating_add(by);
        self.current = self.span.map_or(next, |span| next % span);
    }

    pub(crate) fn next(&mut self) -> f64 {
        let value = self.start.saturating_add(self.current);
        self.advance(self.step);
        if value.abs() <= MAX_EXACT {
            return value as f64 / 10f64.powi(self.scale.cast_signed());
        }
        format!("{value}e-{}", self.scale).parse().unwrap_or(f64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_wrap_at_restart() {
        for (start, restart, step, initial, count, expected) in [
            (1, 100, 1, 1, 0, vec![1, 2, 3]),
            (0, 3, 1, 0, 0, vec![0, 1, 2, 0, 1]),
            (0, 3, 1, 2, 0, vec![2, 0, 1]),
            (0, 3, 1, 0, 5, vec![2, 0, 1]),
            (5, 0, -2, 5, 0, vec![5, 3, 1, 4, 2]),
            (1000, i64::MAX, 10, 1000, 1_000_000, vec![10_001_000, 10_001_010]),
            (
                i64::MAX - 1,
                i64::MAX,
                1,
                i64::MAX - 1,
                0,
                vec![i64::MAX - 1, i64::MAX - 1],
            ),
        ] {
            let mut counter = Integral::new(start, restart, step, initial, count);
            let drawn: Vec<i64> = expected.iter().map(|_| counter.next()).collect();
            assert_eq!(drawn, expected, "{start} {restart} {step} {initial} {count}");
        }
    }

    #[test]
    fn decimal_numbers_are_counted_exactly() {
        let mut counter = DecimalCounter::new(0.0, Some(0.5), 0.1, 0.0, 0).unwrap();
        let drawn: Vec<f64> = (0..7).map(|_| counter.next()).collect();
        assert_eq!(drawn, [0.0, 0.1, 0.2, 0.3, 0.4, 0.0, 0.1]);
        let mut later = DecimalCounter::new(0.0, Some(0.5), 0.1, 0.0, 7).unwrap();
        assert_eq!(later.next(), 0.2);
        let mut down = DecimalCounter::new(1.0, None, -0.25, 1.0, 3).unwrap();
        assert_eq!([down.next(), down.next(), down.next()], [0.25, 0.0, -0.25]);
        assert!(DecimalCounter::new(0.0, None, 1e-300, 0.0, 0).is_none());
    }
}
