//! Everything that was made on this host, removed.

use madang_kernel::Netlink;
use madang_kernel::cgroup::Cgroups;
use madang_kernel::datapath::Datapath;
use madang_kernel::netns;

use crate::AgentError;
use crate::daemon::Agent;
use crate::host::Host;
use crate::runtime::chain;
use crate::workloads::GRACE;

/// Removes processes, ports, namespaces, programs, maps, rules and control groups. It goes on where something fails, and
/// says at the end what.
pub(crate) async fn remove_all(agent: &Agent, mut host: Host) -> Result<(), AgentError> {
    let mut troubles = Vec::new();
    let mut note = |result: Result<(), String>| troubles.extend(result.err());
    match agent.driver.observe() {
        Ok(running) => {
            for workload in running {
                note(agent.driver.stop(&workload.uid, GRACE).await.map_err(|e| chain(&e)));
            }
        }
        Err(error) => note(Err(chain(&error))),
    }
    let layout = &agent.layout;
    note(crate::services::remove(&crate::services::place(layout)));
    note(crate::dhcp_servers::remove(layout));
    let directory = layout.run_dir().join("netns");
    let namespaces = netns::list(&directory).unwrap_or_default();
    for path in namespaces {
        let uid = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let deleted = Netlink::open().and_then(|mut netlink| netlink.delete_link(&layout.port_name(&uid)));
        note(deleted.map(drop).map_err(|e| chain(&e)));
        note(netns::delete(&path).map_err(|e| chain(&e)));
    }
    for (_, error) in agent.driver.tidy().await {
        note(Err(chain(&error)));
    }
    note(host.remove_guard());
    note(Datapath::remove(layout).map_err(|e| chain(&e)));
    note(Cgroups::detect(layout).and_then(|groups| groups.remove()).map_err(|e| chain(&e)));
    for directory in [directory, layout.run_dir().join("instances")] {
        match std::fs::remove_dir(&directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                note(Err(format!("cannot remove {}: {error}", directory.display())));
            }
            _ => {}
        }
    }
    if troubles.is_empty() { Ok(()) } else { Err(AgentError::Teardown(troubles)) }
}
