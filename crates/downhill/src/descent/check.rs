//! What a module must be like for a descent to step it.

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Shape, Tensor};

use super::slots::is_trained;
use super::visit::{ParamVisitor, visit_params};
use super::{Descent, DescentConfig, StepError, select};

impl Descent {
    /// Refuses a module with one parameter in two places, without a path or a pattern that a group
    /// selects, or with other shapes and types than the state has. A module with the shapes and
    /// types of the last one is not looked at again.
    pub(super) fn check_module<M: Module>(
        &mut self,
        module: &M,
        gradients: &GradientsParams,
    ) -> Result<(), StepError> {
        let mut shapes = Shapes {
            known: self.checked.as_deref().unwrap_or_default(),
            met: 0,
            others: None,
        };
        module.visit(&mut shapes);
        let is_known = self.checked.is_some() && !shapes.are_others();
        if is_known && !self.is_unchecked {
            return Ok(());
        }
        let shapes = shapes.into_all();
        check(&self.config, module, gradients)?;
        self.check_state(module)?;
        self.checked = Some(shapes);
        Ok(())
    }
}

/// The shapes and types of all float parameters of a module, compared with those that are known.
struct Shapes<'a> {
    known: &'a [(Shape, DType)],
    /// Number of parameters that have a known shape.
    met: usize,
    /// All shapes, from the first that is another.
    others: Option<Vec<(Shape, DType)>>,
}

impl Shapes<'_> {
    fn are_others(&self) -> bool {
        self.others.is_some() || self.met < self.known.len()
    }

    fn into_all(self) -> Vec<(Shape, DType)> {
        self.others
            .unwrap_or_else(|| self.known[..self.met].to_vec())
    }
}

impl ModuleVisitor for Shapes<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let shape = (param.shape(), param.dtype());
        match &mut self.others {
            Some(others) => others.push(shape),
            None if self.known.get(self.met) == Some(&shape) => self.met += 1,
            None => {
                let mut others = self.known[..self.met].to_vec();
                others.push(shape);
                self.others = Some(others);
            }
        }
    }
}

pub(super) fn check<M: Module>(
    config: &DescentConfig,
    module: &M,
    gradients: &GradientsParams,
) -> Result<(), StepError> {
    let is_stepped = |place: &Place| {
        let group = config.group_of(&place.path, place.rank);
        group == 0 || !config.groups[group - 1].frozen
    };
    if let Some([first, second]) = tied(module, gradients, is_stepped) {
        return Err(StepError::TiedParameters { first, second });
    }
    if config.groups.is_empty() {
        return Ok(());
    }
    let paths = select::all_paths(module);
    for (group, settings) in config.groups.iter().enumerate() {
        if let Some(selection) = settings.parameters.unmatched(&paths) {
            let nearest = select::nearest(selection, &paths);
            let selection = selection.to_string();
            return Err(StepError::EmptySelection {
                group,
                selection,
                nearest,
            });
        }
    }
    Ok(())
}

/// Returns the paths of two places of a module that have the same trained parameter, if there are
/// any.
pub(crate) fn tied<M: Module>(
    module: &M,
    gradients: &GradientsParams,
    counts: impl Fn(&Place) -> bool,
) -> Option<[String; 2]> {
    let places = Vec::new();
    let mut finder = Places { gradients, places };
    visit_params(module, &mut finder);
    let mut places = finder.places;
    places.retain(|place| counts(place));
    places.sort_by_key(|place| place.id.val());
    let pair = places.windows(2).find(|pair| pair[0].id == pair[1].id)?;
    Some([pair[0].path.clone(), pair[1].path.clone()])
}

/// A place in a module, with a trained parameter.
pub(crate) struct Place {
    path: String,
    id: ParamId,
    rank: usize,
}

struct Places<'a> {
    gradients: &'a GradientsParams,
    places: Vec<Place>,
}

impl ParamVisitor for Places<'_> {
    fn visit<const D: usize>(&mut self, path: &str, param: &Param<Tensor<D>>) {
        let id = param.id;
        if is_trained(param, || self.gradients.get::<D>(id).is_some()) {
            let (path, rank) = (path.to_string(), D);
            self.places.push(Place { path, id, rank });
        }
    }
}
