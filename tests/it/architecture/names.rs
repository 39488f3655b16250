//! Which file of the source defines what a path names.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, Path, TraitItem, UseTree, Visibility};

/// One file below `src`.
pub(super) struct Source {
    /// `gate/policy.rs`.
    pub(super) path: String,
    pub(super) text: String,
}

/// A module's path: `["gate", "policy"]`.
type Place = Vec<String>;

/// All modules, and all paths that their code names.
#[derive(Default)]
pub(super) struct Names {
    modules: BTreeMap<Place, Module>,
    references: Vec<Reference>,
    /// Modules that only tests have, and all below them.
    for_tests: BTreeSet<Place>,
}

#[derive(Default)]
struct Module {
    file: String,
    /// What is defined here, modules aside.
    items: BTreeSet<String>,
    imports: Vec<Import>,
}

struct Import {
    /// `*` for a glob.
    name: String,
    path: Vec<String>,
}

/// A path, and the module whose code names it.
pub(super) struct Reference {
    place: Place,
    path: Vec<String>,
    /// `pub use`.
    re_export: bool,
}

impl Names {
    /// Reads all files.
    pub(super) fn read(sources: &[Source]) -> Self {
        let mut names = Self::default();
        names.modules.insert(Place::new(), Module::default());
        for source in sources {
            let place: Place = source
                .path
                .trim_end_matches(".rs")
                .split('/')
                .map(str::to_owned)
                .collect();
            let place = if place == ["lib"] { Place::new() } else { place };
            let file = syn::parse_file(&source.text).unwrap_or_else(|error| panic!("{}: {error}", source.path));
            let mut reader = Reader {
                names: &mut names,
                file: &source.path,
                place,
            };
            reader.enter();
            reader.visit_file(&file);
        }
        names
    }

    /// What code names, each with its file; what only tests have is left out.
    pub(super) fn references(&self) -> impl Iterator<Item = (&str, &Reference)> {
        let counted = self.references.iter().filter(|reference| {
            !(0..=reference.place.len()).any(|end| self.for_tests.contains(&reference.place[..end]))
        });
        counted.map(|reference| (&*self.modules[&reference.place].file, reference))
    }

    /// The files that define what a reference names, with its name there.
    pub(super) fn defined(&self, reference: &Reference) -> Vec<(&str, String)> {
        let mut found = Vec::new();
        self.follow(&reference.place, &reference.path, 0, &mut found);
        found.retain(|(place, _)| !(reference.re_export && is_below(place, &reference.place)));
        let file = |(place, name): (Place, String)| (&*self.modules[&place].file, name);
        found.into_iter().map(file).collect()
    }

    /// Follows `path`, named in the module at `place`, to the items behind it.
    fn follow(&self, place: &[String], path: &[String], depth: usize, found: &mut Vec<(Place, String)>) {
        let Some((first, rest)) = path.split_first() else {
            return;
        };
        match first.as_str() {
            "crate" => self.descend(&[], rest, depth, found),
            "self" => self.descend(place, rest, depth, found),
            "super" => {
                // Two of them: the second is said of the parent.
                let parent = &place[..place.len().saturating_sub(1)];
                match rest.first().map(String::as_str) {
                    Some("super") => self.follow(parent, rest, depth, found),
                    _ => self.descend(parent, rest, depth, found),
                }
            }
            _ => self.descend(place, path, depth, found),
        }
    }

    /// Looks for `path` in the module at `place`.
    fn descend(&self, place: &[String], path: &[String], depth: usize, found: &mut Vec<(Place, String)>) {
        let (Some(module), Some((first, rest))) = (self.modules.get(place), path.split_first()) else {
            return;
        };
        // `use name::name` is found again on the way to what it names, and two globs may lead to each other.
        if depth > 8 {
            return;
        }
        let child = [place, std::slice::from_ref(first)].concat();
        self.descend(&child, rest, depth, found);
        if module.items.contains(first) {
            found.push((place.to_vec(), first.clone()));
        } else if first == "*" {
            found.extend(module.items.iter().map(|item| (place.to_vec(), item.clone())));
        }
        for import in &module.imports {
            let target = if import.name == *first {
                [&import.path, rest].concat()
            } else if import.name == "*" && first != "*" {
                [&import.path[..import.path.len() - 1], path].concat()
            } else {
                continue;
            };
            self.follow(place, &target, depth + 1, found);
        }
    }
}

fn is_below(place: &[String], parent: &[String]) -> bool {
    place.len() > parent.len() && place.starts_with(parent)
}

struct Reader<'a> {
    names: &'a mut Names,
    file: &'a str,
    place: Place,
}

impl Reader<'_> {
    fn enter(&mut self) {
        let module = self.names.modules.entry(self.place.clone()).or_default();
        self.file.clone_into(&mut module.file);
    }

    fn module(&mut self) -> &mut Module {
        self.names.modules.get_mut(&self.place).expect("it was entered")
    }

    fn refer(&mut self, path: Vec<String>, re_export: bool) {
        self.names.references.push(Reference {
            place: self.place.clone(),
            path,
            re_export,
        });
    }

    fn import(&mut self, tree: &UseTree, mut path: Vec<String>, re_export: bool) {
        let (name, last) = match tree {
            UseTree::Path(inner) => {
                path.push(inner.ident.to_string());
                return self.import(&inner.tree, path, re_export);
            }
            UseTree::Group(group) => {
                return group
                    .items
                    .iter()
                    .for_each(|tree| self.import(tree, path.clone(), re_export));
            }
            UseTree::Name(name) => (name.ident.to_string(), name.ident.to_string()),
            UseTree::Rename(rename) => (rename.rename.to_string(), rename.ident.to_string()),
            UseTree::Glob(_) => ("*".to_owned(), "*".to_owned()),
        };
        // `use other::{self}`.
        let name = match last.as_str() {
            "self" if name == "self" => path.last().cloned().unwrap_or_default(),
            "self" => name,
            _ => {
                path.push(last);
                name
            }
        };
        if path.last().is_none_or(|last| last != "*") || !re_export {
            self.refer(path.clone(), re_export);
        }
        self.module().imports.push(Import { name, path });
    }

    /// The paths in the tokens of a macro.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.end(&mut path);
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.end(&mut path);
                    self.tokens(group.stream());
                    colons = 0;
                }
                _ => {
                    self.end(&mut path);
                    colons = 0;
                }
            }
        }
        self.end(&mut path);
    }

    fn end(&mut self, path: &mut Vec<String>) {
        if !path.is_empty() {
            self.refer(std::mem::take(path), false);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let (attributes, name) = match item {
            Item::Const(item) => (&item.attrs, Some(&item.ident)),
            Item::Enum(item) => (&item.attrs, Some(&item.ident)),
            Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
            Item::Impl(item) => (&item.attrs, None),
            Item::Macro(item) => (&item.attrs, item.ident.as_ref()),
            Item::Static(item) => (&item.attrs, Some(&item.ident)),
            Item::Struct(item) => (&item.attrs, Some(&item.ident)),
            Item::Trait(item) => (&item.attrs, Some(&item.ident)),
            Item::Type(item) => (&item.attrs, Some(&item.ident)),
            Item::Union(item) => (&item.attrs, Some(&item.ident)),
            Item::Use(item) => {
                if !is_for_tests(&item.attrs) {
                    self.import(&item.tree, Vec::new(), !matches!(item.vis, Visibility::Inherited));
                }
                return;
            }
            Item::Mod(item) => {
                self.place.push(item.ident.to_string());
                if is_for_tests(&item.attrs) {
                    self.names.for_tests.insert(self.place.clone());
                } else if let Some((_, items)) = &item.content {
                    self.enter();
                    for item in items {
                        self.visit_item(item);
                    }
                }
                self.place.pop();
                return;
            }
            other => return visit::visit_item(self, other),
        };
        if is_for_tests(attributes) {
            return;
        }
        if let Some(name) = name {
            let name = name.to_string();
            self.module().items.insert(name);
        }
        visit::visit_item(self, item);
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            other => return visit::visit_impl_item(self, other),
        };
        if !is_for_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        visit::visit_trait_item(self, item);
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let segments = path.segments.iter().map(|segment| segment.ident.to_string());
        self.refer(segments.collect(), false);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.visit_path(&called.path);
        self.tokens(called.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if attribute.path().is_ident("doc") {
            return;
        }
        let syn::Meta::List(list) = &attribute.meta else { return };
        self.tokens(list.tokens.clone());
        // `#[serde(with = "crate::text")]`
        for token in list.tokens.clone() {
            let text = token.to_string();
            if let Some(path) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'))
                && path.contains("::")
            {
                self.refer(path.split("::").map(str::to_owned).collect(), false);
            }
        }
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let list = attribute.meta.require_list();
        attribute.path().is_ident("cfg") && list.is_ok_and(|list| list.tokens.to_string() == "test")
    })
}
