//! Setters for the fields of a config.

/// A struct with public fields that may get more of them, and a setter for each: `with_FIELD`.
macro_rules! setters {
    (
        $(#[$about:meta])*
        pub struct $config:ident {
            $($(#[$field_about:meta])* pub $field:ident: $type:ty,)+
        }
    ) => {
        $(#[$about])*
        #[non_exhaustive]
        pub struct $config {
            $($(#[$field_about])* pub $field: $type,)+
        }

        paste::paste! {
            impl $config {
                $(
                    #[doc = concat!(
                        "Sets [`", stringify!($field), "`](Self#structfield.", stringify!($field), ")."
                    )]
                    #[must_use]
                    pub fn [<with_ $field>](mut self, $field: $type) -> Self {
                        self.$field = $field;
                        self
                    }
                )+
            }
        }
    };
}

pub(crate) use setters;
