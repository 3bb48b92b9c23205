//! strips
