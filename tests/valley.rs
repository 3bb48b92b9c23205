//! Descents of `x^2 / 20 + y^2`, the book's valley: 30 updates from (-7, 2).

use burn::optim::Optimizer;
use burn::tensor::{DType, Device, Tensor, TensorData};
use downhill::{
    AdaGradConfig, AdamConfig, MomentumConfig, NesterovConfig, RmsPropConfig, SgdConfig,
};
use downhill_trainer::Backend;

use crate::backend::{distance, open, values};
use crate::reference::{Descent, SEED_VARIANTS, Valley};

fn valley() -> &'static Valley {
    SEED_VARIANTS
        .naive_valley
        .as_ref()
        .expect("the file has the valley")
}

/// The places, from the start to that after the last update.
fn descend<O: Optimizer>(optimizer: &O, rate: f64, device: &Device) -> Vec<Vec<f64>> {
    let point = |[x, y]: [f64; 2]| -> Tensor<1> {
        Tensor::from_data(TensorData::new(vec![x, y], [2]), (device, DType::F64))
    };
    let mut place = point(valley().init);
    let mut state = None;
    let mut places = vec![values(place.clone())];
    for _ in 0..30 {
        let slope = place.clone() * point([0.1, 2.0]);
        (place, state) = optimizer.step(rate, place, slope, state);
        places.push(values(place.clone()));
    }
    places
}

fn follows(descent: &Descent, device: &Device) -> bool {
    let rate = descent.config["lr"].as_f64().expect("a rate");
    let within = "within bounds";
    let places = match descent.optimizer.as_str() {
        "SGD" => descend(&SgdConfig::book().build().expect(within), rate, device),
        "Momentum" => descend(&MomentumConfig::book().build().expect(within), rate, device),
        "Nesterov_oreilly" => descend(&NesterovConfig::book().build().expect(within), rate, device),
        "AdaGrad" => descend(&AdaGradConfig::book().build().expect(within), rate, device),
        "RMSprop" => descend(&RmsPropConfig::book().build().expect(within), rate, device),
        "Adam" => descend(&AdamConfig::book().build().expect(within), rate, device),
        other => panic!("no optimizer {other}"),
    };
    let (last, before) = places.split_last().expect("30 updates");
    assert_eq!(before.len(), descent.history_30.len());
    distance(last, &descent.final_after_30_updates) < 1e-9
        && before
            .iter()
            .zip(&descent.history_30)
            .all(|(a, b)| distance(a, b) < 1e-9)
}

#[cfg(feature = "flex")]
#[test]
fn every_descent_of_the_valley_ends_where_it_should() {
    let device = open(Backend::Flex);
    for descent in &valley().runs {
        assert!(follows(descent, &device), "{}", descent.optimizer);
    }
    assert_eq!(valley().runs.len(), 6);
}

/// The end points that the book's plots show, to six digits.
#[test]
fn the_reference_is_that_of_the_book() {
    let ends = [
        ("SGD", [-0.350393, 0.084782]),
        ("Momentum", [0.896414, 0.088086]),
        ("AdaGrad", [-0.120162, 0.0]),
        ("Adam", [0.136007, 0.318245]),
    ];
    for (optimizer, end) in ends {
        let run = (valley().runs.iter()).find(|run| run.optimizer == optimizer);
        let run = run.expect("the file has it");
        assert!(
            distance(&run.final_after_30_updates, &end) < 1e-6,
            "{optimizer}"
        );
    }
}
