//! Tables of resources, as the model defines their columns.

use madang_model::Resource;
pub(crate) use madang_model::columns::Around;
use madang_model::columns::{Column, Tone, columns};

use super::style::Role;
use super::table::{Cell, Table};

/// What of its resources a table shows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Show {
    /// Every column.
    pub(crate) all: bool,
    /// Names as `kind/name`, for where several kinds stand together.
    pub(crate) prefixed: bool,
    /// The project of each, if they are of one.
    pub(crate) projects: bool,
}

/// A table of resources of one kind.
pub(crate) fn table(resources: &[&Resource], around: &Around, show: Show) -> Table {
    let rows = resources.iter().map(|resource| {
        let mut columns = columns(resource, around);
        columns.retain(|column| show.all || !column.wide);
        if show.prefixed
            && let Some(name) = columns.iter_mut().find(|column| column.heading == "NAME")
        {
            let (kind, name_of) = (resource.kind().name().to_lowercase(), &resource.metadata().name);
            name.text = format!("{kind}/{name_of}");
        }
        if show.projects && resource.kind().is_namespaced() {
            let text = resource.metadata().namespace.clone().unwrap_or_default();
            columns.insert(0, Column { heading: "NAMESPACE", text, tone: Tone::Plain, wide: false });
        }
        columns
    });
    let mut table = None;
    for row in rows {
        let table = table.get_or_insert_with(|| Table::new(row.iter().map(|column| column.heading)));
        table.row(row.into_iter().map(cell));
    }
    table.unwrap_or_default()
}

fn cell(column: Column) -> Cell {
    match column.tone {
        Tone::Plain => column.text.into(),
        Tone::Good => Cell::new(column.text, Role::Good),
        Tone::Change => Cell::new(column.text, Role::Change),
        Tone::Bad => Cell::new(column.text, Role::Bad),
    }
}

#[cfg(test)]
mod tests {
    use madang_model::Kind;

    use super::*;
    use crate::output::style::Style;
    use crate::samples;

    fn all(wide: bool) -> String {
        let shop = samples::shop();
        let around = Around::new(samples::now(), &shop);
        let table = |kind: &Kind| {
            let own: Vec<_> = shop.iter().filter(|resource| resource.kind() == *kind).collect();
            table(&own, &around, Show { all: wide, ..Show::default() }).render(Style::PLAIN, 80)
        };
        let known = |kind: &&Kind| shop.iter().any(|resource| resource.kind() == **kind);
        Kind::ALL.iter().filter(known).map(table).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_kind() {
        insta::assert_snapshot!(all(false), @r"
        NAME     STATUS   CPUS   MEMORY   KERNEL   AGE
        host-1   Ready    2      8Gi      6.12.0   150m

        NAME       INTERFACE   NEXT HOP      ADDRESSES                      STATUS   AGE
        internet   eth0        203.0.113.1   203.0.113.10,203.0.113.64/28   Ready    150m

        NAME   CIDRS         STATUS   AGE
        shop   10.0.0.0/16   Ready    150m

        NAME     CIDRS                          STATUS   AGE
        office   192.0.2.0/24,198.51.100.7/32   Ready    150m

        NAME   VPC    IN        OUT       STATUS   AGE
        web    shop   2 rules   nothing   Ready    150m

        NAME   VPC    POOL       ADDRESS        STATUS   AGE
        out    shop   internet   203.0.113.64   Ready    150m

        NAME      VPC    ROUTES                 STATUS   AGE
        private   shop   0.0.0.0/0 -> nat out   Ready    150m

        NAME   VPC    CIDR          ROUTES    STATUS   AGE
        web    shop   10.0.1.0/24   public    Ready    150m
        data   shop   10.0.2.0/24   private   Ready    150m

        NAME    VPC    SUBNET   ADDRESS    STATUS          RESTARTS   AGE
        web-1   shop   web      10.0.1.4   Ready           0          150m
        db-1    shop   data     10.0.2.4   ProcessExited   4          150m

        NAME    POOL       ADDRESS        INSTANCE   FORWARDS               STATUS   AGE
        front   internet   203.0.113.10   -          tcp/80 -> web-1:8080   Ready    150m
        ");
    }

    #[test]
    fn every_kind_wide() {
        insta::assert_snapshot!(all(true), @r"
        NAME     STATUS   CPUS   MEMORY   KERNEL   AGE    ARCHITECTURE   INTERFACES   FEATURES        LABELS
        host-1   Ready    2      8Gi      6.12.0   150m   x86_64         eth0         tcx,cgroup-v2   -

        NAME       INTERFACE   NEXT HOP      ADDRESSES                      STATUS   AGE    INDEX   LABELS
        internet   eth0        203.0.113.1   203.0.113.10,203.0.113.64/28   Ready    150m   2       -

        NAME   CIDRS         STATUS   AGE    MTU    NUMBER   LABELS
        shop   10.0.0.0/16   Ready    150m   1500   1        -

        NAME     CIDRS                          STATUS   AGE    DESCRIPTION   LABELS
        office   192.0.2.0/24,198.51.100.7/32   Ready    150m   -             -

        NAME   VPC    IN        OUT       STATUS   AGE    INGRESS                                          EGRESS    LABELS
        web    shop   2 rules   nothing   Ready    150m   tcp/80,8000-8100 from 0.0.0.0/0; icmp from web   nothing   -

        NAME   VPC    POOL       ADDRESS        STATUS   AGE    LABELS
        out    shop   internet   203.0.113.64   Ready    150m   -

        NAME      VPC    ROUTES                 STATUS   AGE    LABELS
        private   shop   0.0.0.0/0 -> nat out   Ready    150m   -

        NAME   VPC    CIDR          ROUTES    STATUS   AGE    LABELS
        web    shop   10.0.1.0/24   public    Ready    150m   -
        data   shop   10.0.2.0/24   private   Ready    150m   -

        NAME    VPC    SUBNET   ADDRESS    STATUS          RESTARTS   AGE    GROUPS   MAC                 INTERFACE    NODE     PID    EXITED   LABELS
        web-1   shop   web      10.0.1.4   Ready           0          150m   web      02:00:00:00:00:01   mdab12cd34   host-1   4242   -        app=web
        db-1    shop   data     10.0.2.4   ProcessExited   4          150m   -        02:00:00:00:00:01   mdab12cd34   host-1   -      127      -

        NAME    POOL       ADDRESS        INSTANCE   FORWARDS               STATUS   AGE    LABELS
        front   internet   203.0.113.10   -          tcp/80 -> web-1:8080   Ready    150m   -
        ");
    }

    #[test]
    fn several_kinds_together_are_told_apart() {
        let shop = samples::shop();
        let vpcs: Vec<_> = shop.iter().filter(|resource| resource.kind() == Kind::Vpc).collect();
        let around = Around::new(samples::now(), &shop);
        let show = Show { prefixed: true, projects: true, ..Show::default() };
        insta::assert_snapshot!(table(&vpcs, &around, show).render(Style::PLAIN, 80), @r"
        NAMESPACE   NAME       CIDRS         STATUS   AGE
        default     vpc/shop   10.0.0.0/16   Ready    150m
        ");
        let nodes: Vec<_> = shop.iter().filter(|resource| resource.kind() == Kind::Node).collect();
        let table = table(&nodes, &around, show).render(Style::PLAIN, 80);
        assert!(table.starts_with("NAME  "), "a node is in no project: {table}");
    }
}
