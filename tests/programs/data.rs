//! Sentences of made-up words, and what both programs have in common.

use std::sync::{Mutex, PoisonError};

use burn::data::dataloader::batcher::Batcher;
use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{Embedding, EmbeddingConfig, Initializer, Linear, LinearConfig};
use burn::tensor::{Device, Int, Tensor, TensorData, activation::relu};

const WORDS: usize = 40;
const LENGTH: usize = 6;

/// A sentence, and whether it has more words of the first half than of the second.
#[derive(Clone, Debug)]
pub(crate) struct Sentence {
    words: [i32; LENGTH],
    label: i32,
}

/// The same sentences in every run.
pub(crate) fn sentences(number: usize) -> Vec<Sentence> {
    let mut state = 1_u64;
    let mut word = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        ((state >> 33) % WORDS as u64) as i32
    };
    let sentence = |_| {
        let words: [i32; LENGTH] = core::array::from_fn(|_| word());
        let first = words
            .iter()
            .filter(|word| **word < WORDS as i32 / 2)
            .count();
        let label = i32::from(first > LENGTH / 2);
        Sentence { words, label }
    };
    (0..number).map(sentence).collect()
}

/// Words as `[sentences, 6]`, labels as `[sentences]`.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) words: Tensor<2, Int>,
    pub(crate) labels: Tensor<1, Int>,
}

impl Batch {
    pub(crate) fn new(sentences: &[Sentence], device: &Device) -> Self {
        let words: Vec<i32> = sentences.iter().flat_map(|one| one.words).collect();
        let labels: Vec<i32> = sentences.iter().map(|one| one.label).collect();
        let number = sentences.len();
        Self {
            words: Tensor::from_data(TensorData::new(words, [number, LENGTH]), device),
            labels: Tensor::from_data(TensorData::new(labels, [number]), device),
        }
    }
}

#[derive(Clone)]
pub(crate) struct ToBatch;

impl Batcher<Sentence, Batch> for ToBatch {
    fn batch(&self, items: Vec<Sentence>, device: &Device) -> Batch {
        Batch::new(&items, device)
    }
}

/// Embeds words, and classifies the sentence by their mean.
#[derive(Module, Debug)]
pub(crate) struct Classifier {
    pub(crate) embedding: Embedding,
    hidden: Linear,
    output: Linear,
}

impl Classifier {
    pub(crate) fn new(device: &Device) -> Self {
        let uniform = |bound: f64| Initializer::Uniform {
            min: -bound,
            max: bound,
        };
        // Drawn at once, because Burn draws at first use, and by one thread, because all threads
        // share the generator of a device.
        static DRAWS: Mutex<()> = Mutex::new(());
        let _draws = DRAWS.lock().unwrap_or_else(PoisonError::into_inner);
        device.seed(7);
        let embedding = EmbeddingConfig::new(WORDS, 8).with_initializer(uniform(0.5));
        let hidden = LinearConfig::new(8, 12).with_initializer(uniform(0.3));
        let output = LinearConfig::new(12, 2).with_initializer(uniform(0.3));
        let model = Self {
            embedding: embedding.init(device),
            hidden: hidden.init(device),
            output: output.init(device),
        };
        weights(&model);
        model
    }

    pub(crate) fn logits(&self, words: Tensor<2, Int>) -> Tensor<2> {
        let words: Tensor<2> = self.embedding.forward(words).mean_dim(1).squeeze_dim(1);
        self.output.forward(relu(self.hidden.forward(words)))
    }

    /// The mean loss of a batch.
    pub(crate) fn loss(&self, batch: &Batch) -> Tensor<1> {
        let logits = self.logits(batch.words.clone());
        let loss = CrossEntropyLossConfig::new().init(&logits.device());
        loss.forward(logits, batch.labels.clone())
    }
}

/// All weights, in the order of the module.
pub(crate) fn weights<M: Module>(model: &M) -> Vec<f32> {
    struct Weights(Vec<f32>);
    impl ModuleVisitor for Weights {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.extend(param.val().into_data().iter::<f32>());
        }
    }
    let mut weights = Weights(Vec::new());
    model.visit(&mut weights);
    weights.0
}

/// The largest difference.
pub(crate) fn apart<T: Copy + Into<f64>>(a: &[T], b: &[T]) -> f64 {
    assert_eq!(a.len(), b.len());
    let pairs = a.iter().zip(b);
    pairs
        .map(|(a, b)| ((*a).into() - (*b).into()).abs())
        .fold(0.0, f64::max)
}
