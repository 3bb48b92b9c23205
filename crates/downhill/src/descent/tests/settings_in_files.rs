//! Settings that are written and read again.

use super::*;
use crate::Preset;

#[test]
fn every_preset_survives_json_to_the_bit() {
    let presets = [
        Preset::Book,
        Preset::Theano,
        Preset::Torch,
        Preset::Keras,
        Preset::Optax,
        Preset::Burn,
    ];
    for name in OptimizerConfig::all().iter().map(OptimizerConfig::name) {
        for preset in presets {
            let Some(Ok(config)) = OptimizerConfig::preset(name, preset) else {
                continue;
            };
            let text = serde_json::to_string(&config).unwrap();
            let again: OptimizerConfig = serde_json::from_str(&text).unwrap();
            assert_eq!(again, config, "{text}");
        }
    }
}
