//! The resources of some kinds as they are, and as they change.

use std::collections::{BTreeMap, BTreeSet};

use madang_api::{Client, ClientError, List, Reason, WatchEvent};
use madang_model::{DEFAULT_NAMESPACE, Kind, ObjectRef, Resource};
use madang_store::Revision;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// What a daemon holds of some kinds, kept up to date.
#[derive(Debug)]
pub(crate) struct Mirror {
    resources: BTreeMap<ObjectRef, Resource>,
    news: mpsc::Receiver<Result<News, ClientError>>,
    /// Ended when this is dropped.
    _watchers: JoinSet<()>,
}

#[derive(Debug)]
enum News {
    /// All of a kind, after a watch had to begin anew.
    Listed(Kind, List),
    Is(Box<Resource>),
    Gone(ObjectRef),
}

impl Mirror {
    /// Lists these kinds in a project (none: in all) and begins to watch them.
    pub(crate) async fn start(
        client: &Client,
        kinds: &[Kind],
        project: Option<&str>,
    ) -> Result<Self, ClientError> {
        let (send, news) = mpsc::channel(64);
        let mut watchers = JoinSet::new();
        let mut resources = BTreeMap::new();
        for kind in kinds {
            let list = client.list_in(*kind, project).await?;
            let place = Place { client: client.clone(), kind: *kind, project: project.map(str::to_owned) };
            watchers.spawn(watch(place, list.revision, send.clone()));
            resources.extend(list.items.into_iter().map(|resource| (resource.object_ref(), resource)));
        }
        Ok(Self { resources, news, _watchers: watchers })
    }

    /// Waits for the next change. Returns which resources are other ones now, or gone. Nothing is lost if the future is
    /// dropped.
    pub(crate) async fn changed(&mut self) -> Result<Vec<ObjectRef>, ClientError> {
        let Some(news) = self.news.recv().await else { return std::future::pending().await };
        Ok(match news? {
            News::Is(resource) => {
                let object = resource.object_ref();
                self.resources.insert(object.clone(), *resource);
                vec![object]
            }
            News::Gone(object) => {
                self.resources.remove(&object);
                vec![object]
            }
            News::Listed(kind, list) => self.replace(kind, list),
        })
    }

    fn replace(&mut self, kind: Kind, list: List) -> Vec<ObjectRef> {
        let new: BTreeMap<_, _> =
            list.items.into_iter().map(|resource| (resource.object_ref(), resource)).collect();
        let old: BTreeSet<_> = self.resources.keys().filter(|object| object.kind == kind).cloned().collect();
        let differs = |object: &&ObjectRef| self.resources.get(*object) != new.get(*object);
        let changed: BTreeSet<_> = old.iter().chain(new.keys()).filter(differs).cloned().collect();
        self.resources.retain(|object, _| object.kind != kind);
        self.resources.extend(new);
        changed.into_iter().collect()
    }

    /// The resource as it was last seen.
    pub(crate) fn find(&self, object: &ObjectRef) -> Option<&Resource> {
        self.resources.get(object)
    }

    /// All of them.
    pub(crate) fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.resources.values()
    }
}

/// What is watched.
struct Place {
    client: Client,
    kind: Kind,
    project: Option<String>,
}

/// Sends what happens to a kind, until nobody wants to know or it cannot be known.
async fn watch(place: Place, from: Revision, send: mpsc::Sender<Result<News, ClientError>>) {
    let mut from = from;
    loop {
        let result = follow(&place, from, &send).await;
        let expired = matches!(&result, Err(ClientError::Api(error)) if error.is(Reason::Expired));
        let news = match result {
            // The server ends a watch now and then; from its last revision on, nothing needs to be known anew but the
            // revision itself.
            Ok(()) => place.client.list_in(place.kind, place.project.as_deref()).await,
            Err(_) if expired => place.client.list_in(place.kind, place.project.as_deref()).await,
            Err(error) => Err(error),
        };
        let failed = news.is_err();
        if let Ok(list) = &news {
            from = list.revision;
        }
        if send.send(news.map(|list| News::Listed(place.kind, list))).await.is_err() || failed {
            return;
        }
    }
}

async fn follow(
    place: &Place,
    from: Revision,
    send: &mpsc::Sender<Result<News, ClientError>>,
) -> Result<(), ClientError> {
    let mut watching = place.client.watch_in(place.kind, place.project.as_deref(), Some(from)).await?;
    while let Some(event) = watching.next().await? {
        let news = match event {
            WatchEvent::Added(resource) | WatchEvent::Modified(resource) => News::Is(Box::new(resource)),
            WatchEvent::Deleted(resource) => News::Gone(resource.object_ref()),
        };
        if send.send(Ok(news)).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Every resource that the daemon holds, of all projects; but for events, which tell of the others.
pub(crate) async fn all(client: &Client) -> Result<Vec<Resource>, ClientError> {
    let mut all = Vec::new();
    for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::Event) {
        all.extend(client.list(*kind).await?.items);
    }
    Ok(all)
}

/// Whether the daemon makes a resource by itself, and keeps it: nobody declares it, and nobody takes it down.
pub(crate) fn is_the_daemons(resource: &Resource) -> bool {
    match resource.kind() {
        Kind::Node | Kind::Event => true,
        Kind::Namespace => resource.metadata().name == DEFAULT_NAMESPACE,
        _ => false,
    }
}
