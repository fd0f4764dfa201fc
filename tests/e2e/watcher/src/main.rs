//! What kube-rs's watcher sees: a line for each event. Objects come one by one, or as a streamed list.
//!
//! Usage: watcher list|stream PLURAL KIND   (with KUBECONFIG)

use futures::{StreamExt, pin_mut};
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::watcher::{Config, Event};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [strategy, plural, kind] = &arguments[..] else { return Err("three arguments are needed".into()) };
    let config = match strategy.as_str() {
        "list" => Config::default().page_size(2),
        "stream" => Config::default().streaming_lists(),
        other => return Err(format!("{other} is no strategy").into()),
    };
    let version = GroupVersionKind::gvk("madang.dev", "v1alpha1", kind);
    let resource = ApiResource::from_gvk_with_plural(&version, plural);
    let api: Api<DynamicObject> = Api::default_namespaced_with(Client::try_default().await?, &resource);
    let events = watcher(api, config).default_backoff();
    pin_mut!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => println!("init"),
            Ok(Event::InitApply(object)) => println!("listed {}", object.name_any()),
            Ok(Event::InitDone) => println!("listed all"),
            Ok(Event::Apply(object)) => println!("applied {} {}", object.name_any(), object.data["spec"]),
            Ok(Event::Delete(object)) => println!("deleted {}", object.name_any()),
            Err(error) => println!("error {error}"),
        }
    }
    Ok(())
}
