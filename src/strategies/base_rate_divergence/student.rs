//! Student's t distribution with four degrees of freedom: tails fat enough for what surprises, and a
//! distribution function that needs nothing but a square root.

/// Degrees of freedom of the t distribution; the closed form in `cumulative_probability` holds for four alone.
const NU: f64 = 4.0;
/// The steps converge by a factor of two or better each; these reach the last digit.
const STEPS: usize = 100;

/// Location and scale, in the unit of what it was fitted to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Student {
    /// Center of the distribution, which is both its median and its mean.
    pub location: f64,
    /// How wide it is; the standard deviation is √2 times that.
    pub scale: f64,
}

impl Student {
    /// Fits by the EM algorithm for the t distribution with known degrees of freedom (Lange, Little and
    /// Taylor 1989). The location is shrunk to 0 and the scale to `prior_scale`, each as if by
    /// `strength` further values, so that a small sample says little.
    pub fn fit_with_prior(values: &[f64], prior_scale: f64, strength: f64) -> Self {
        let prior = prior_scale * prior_scale;
        let (mut location, mut variance) = (0.0, prior);
        let count = values.len() as f64;
        for _ in 0..STEPS {
            let weight = |value: f64| (NU + 1.0) / (NU + (value - location) * (value - location) / variance);
            let (sum, weights) = values.iter().fold((0.0, 0.0), |(sum, weights), &value| {
                (sum + weight(value) * value, weights + weight(value))
            });
            let next = sum / (weights + strength);
            let squares: f64 =
                values.iter().map(|&value| weight(value) * (value - next) * (value - next)).sum();
            (location, variance) = (next, (squares + strength * prior) / (count + strength));
        }
        Self { location, scale: variance.sqrt() }
    }

    /// Returns P(X ≤ x), the distribution function of the t distribution at `x`.
    pub fn cumulative_probability(self, x: f64) -> f64 {
        let t = (x - self.location) / self.scale;
        let q = 1.0 + t * t / NU;
        0.5 + 0.375 * t / q.sqrt() * (1.0 - t * t / (12.0 * q))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distribution_function_is_the_published_one() {
        // scipy.stats.t(4).cdf
        for (x, expected) in [
            (-6.0, 0.001_941_268_523_480_255_4),
            (-1.0, 0.186_950_483_150_029_57),
            (0.5, 0.678_335_018_409_068_4),
            (2.7, 0.972_952_838_775_539_1),
            (10.0, 0.999_718_998_188_642),
        ] {
            let found = Student { location: 0.0, scale: 1.0 }.cumulative_probability(x);
            assert!((found - expected).abs() < 1e-12, "{x}: {found}");
            let moved = Student { location: 3.0, scale: 0.5 }.cumulative_probability(3.0 + 0.5 * x);
            assert!((moved - expected).abs() < 1e-12, "{x}: {moved}");
        }
    }

    #[test]
    fn without_a_prior_the_fit_is_the_likeliest() {
        // scipy.stats.t.fit([…], fdf=4), to the tolerance of its optimizer
        let values = [-0.2, 0.0, 0.1, 0.1, -0.1, 0.3, 0.0, 0.6];
        let fit = Student::fit_with_prior(&values, 0.2, 1e-9);
        assert!((fit.location - 0.057_530).abs() < 1e-4, "{fit:?}");
        assert!((fit.scale - 0.178_240).abs() < 1e-4, "{fit:?}");
    }

    #[test]
    fn a_small_sample_says_little() {
        assert_eq!(Student::fit_with_prior(&[], 0.2, 12.0), Student { location: 0.0, scale: 0.2 });
        // One value of 0.3 against twelve months of spread 0.2. The weight w = 5 / (4 + d²/s²), the location
        // m = 0.3·w / (w + 12) with d = 0.3 − m, and s² = (w·d² + 12·0.04) / 13: m = 0.022 gives d = 0.278;
        // s² = 0.0428 gives w = 5 / (4 + 0.0773/0.0428) = 0.861, m = 0.0201, s² = (0.0675 + 0.48) / 13 = 0.0421.
        let fit = Student::fit_with_prior(&[0.3], 0.2, 12.0);
        assert!((fit.location - 0.0200).abs() < 2e-4, "{fit:?}");
        assert!((fit.scale * fit.scale - 0.0421).abs() < 1e-4, "{fit:?}");
    }
}
