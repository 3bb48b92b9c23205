//! One binary for all integration tests: each case is a function of the backend, and a test of its
//! own on each backend that the build has.
//!
//! `cargo xtask test` builds and runs them on flex, ndarray and wgpu.

mod autoencoder;
mod backend;
mod burn_presets;
mod calls;
#[cfg(feature = "flex")]
mod combinations;
mod command;
mod contract;
mod convolution;
mod coverage;
mod custom;
#[cfg(feature = "flex")]
mod data;
#[cfg(feature = "flex")]
mod descent;
#[cfg(feature = "flex")]
mod divergence;
#[cfg(feature = "flex")]
mod document;
mod ensemble;
mod ensemble_training;
mod experiments;
mod formulas;
#[cfg(feature = "flex")]
mod gradient_check;
mod half_precision;
#[cfg(feature = "wgpu")]
mod launches;
mod lbfgs;
#[cfg(feature = "flex")]
mod learner;
mod many_parameters;
mod model;
#[cfg(feature = "flex")]
mod mutations;
mod numbers;
mod optimizer_settings;
mod optimizer_table;
#[cfg(feature = "flex")]
mod outputs;
mod peers;
mod plain_network;
#[cfg(feature = "flex")]
mod recipe;
mod reference;
#[cfg(feature = "flex")]
mod refused;
mod resume;
mod run_end;
#[cfg(feature = "flex")]
mod saved;
mod schedules;
mod training;
mod trajectories;
mod valley;
mod weight_decay;
#[cfg(feature = "flex")]
mod wrong_configs;

/// A test of each case on each backend: `flex::CASE`, `ndarray::CASE`, `wgpu::CASE`.
macro_rules! on_each_backend {
    ($($area:ident: $($case:ident),+;)+) => {
        on_each_backend!(@ "flex" flex Flex $($($area $case)+)+);
        on_each_backend!(@ "ndarray" ndarray Ndarray $($($area $case)+)+);
        on_each_backend!(@ "wgpu" wgpu Wgpu $($($area $case)+)+);
    };
    (@ $feature:literal $module:ident $backend:ident $($area:ident $case:ident)+) => {
        #[cfg(feature = $feature)]
        mod $module {
            $(
                #[test]
                fn $case() {
                    crate::$area::$case(downhill_trainer::Backend::$backend);
                }
            )+
        }
    };
}

on_each_backend! {
    trajectories: every_variant_follows_its_reference_in_f32_also_when_burn_steps,
        every_variant_follows_the_second_set_in_f32;
    contract: zero_gradients_change_nothing, stepping_commutes_with_reshaping,
        every_rank_and_size_is_stepped, a_loaded_descent_goes_on_bit_for_bit,
        a_loaded_optimizer_goes_on_bit_for_bit, frozen_and_unused_parameters_keep_their_bits,
        what_is_not_finite_is_skipped, global_clipping_is_that_of_pytorch;
    weight_decay: cautious_decay_acts_with_the_step;
    custom: a_custom_rule_goes_the_way_of_the_built_in_one,
        an_optimizer_of_burn_goes_its_way_in_a_descent;
    formulas: formulas_go_the_way_of_the_built_in_optimizers;
    many_parameters: many_parameters_are_stepped_as_each_by_itself;
    half_precision: parameters_of_16_bits_follow_f64;
    model: loss_and_gradients_are_those_of_the_formulas, evaluation_is_that_of_the_formulas,
        batch_norm_is_that_of_pytorch, batch_norm_of_the_book,
        a_copy_keeps_its_running_statistics, a_decay_tells_weights_from_the_rest;
    autoencoder: reconstruction_losses_are_those_of_the_formulas,
        pretraining_lowers_the_loss_and_lands_in_the_network,
        activations_are_those_that_the_next_layer_sees;
    convolution: a_convolutional_network_is_that_of_pytorch,
        convolutions_answer_alike_in_training_and_evaluation;
    experiments: a_grid_trains_every_method_at_every_value, a_search_narrows_its_range_and_goes_on,
        a_valley_is_descended_to_its_end, landscapes_are_descended_from_many_starts,
        other_networks_train;
    ensemble: an_ensemble_trains_as_its_members_alone, a_diverging_member_leaves_the_others_alone,
        an_ensemble_answers_as_its_members;
    ensemble_training: runs_of_an_ensemble_are_as_alone;
    training: the_first_loss_is_the_same_everywhere, a_training_repeats, lbfgs_lowers_the_loss,
        a_few_updates_give_the_pinned_losses, divergence_is_an_outcome, sixty_thousand_images_fit;
    resume: a_stopped_run_is_continued;
    command: an_experiment_from_config_to_report;
}
