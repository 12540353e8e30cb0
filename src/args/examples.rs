//! The examples at the end of each `--help`. A test parses every line that begins with `$`.

pub(super) const SHORT: &str = "Begin with `cutover rehearse`; `cutover --help` shows more.";

pub(super) const ROOT: &str = "\
Examples:
  Rehearse the shipped etcd cutover on the example inventory; nothing real is touched
    $ cutover rehearse
  Check your own playbook and inventory, see what it would do, and do it
    $ cutover check playbooks/etcd.yml -i inventories/prod.yml
    $ cutover plan playbooks/etcd.yml -i inventories/prod.yml
    $ cutover run playbooks/etcd.yml -i inventories/prod.yml";

pub(super) const CHECK: &str = "\
Examples:
  A playbook by itself; variables that only an inventory sets are unknown then
    $ cutover check playbooks/etcd.yml
  A playbook together with the inventory it will run on
    $ cutover check playbooks/etcd.yml -i inventories/prod.yml
  Several playbooks at once
    $ cutover check playbooks/prepare.yml playbooks/etcd.yml
  An inventory alone
    $ cutover check -i inventories/prod.yml
  For an editor or a pipeline
    $ cutover check playbooks/etcd.yml --output json";

pub(super) const PLAN: &str = "\
Examples:
  What would change, and by which commands?
    $ cutover plan playbooks/etcd.yml -i inventories/prod.yml
  With a parameter of the playbook set
    $ cutover plan playbooks/etcd.yml -i inventories/prod.yml -e namespace=middleware
  Only the steps tagged `backup`
    $ cutover plan playbooks/etcd.yml -i inventories/prod.yml --tags backup";

pub(super) const RUN: &str = "\
Examples:
  Run, and answer the gates at the keyboard
    $ cutover run playbooks/etcd.yml -i inventories/prod.yml
  Parameters from a file, one of them changed
    $ cutover run playbooks/etcd.yml -i inventories/prod.yml -e @params.yml -e namespace=test
  Unattended: gates are approved beforehand, one that asks for a phrase with the phrase
    $ cutover run playbooks/etcd-cutover.yml -i inv.yml --approve approve-the-removal-of-the-old-release=common-etcd
  In a pipeline: one event for each line
    $ cutover run playbooks/etcd.yml -i inventories/prod.yml --output json > events.jsonl";

pub(super) const REHEARSE: &str = "\
Examples:
  The shipped etcd cutover on the example inventory
    $ cutover rehearse
  Your playbook on your inventory, with every node simulated
    $ cutover rehearse playbooks/etcd.yml -i inventories/prod.yml
  What happens if a step fails?
    $ cutover rehearse --fail back-up/copy-each-volume-to-the-backup
  What if the controller is killed when a change was sent, and the run is resumed?
    $ cutover rehearse --fail scale-to-zero=killed-after --then resume
  What if a node is lost for ten minutes, and everything is undone?
    $ cutover rehearse --fail bring-each-replica-s-data-to-its-new-node=node-lost:10m --then undo
  With the sizes and speeds of your site, and other random numbers
    $ cutover rehearse playbooks/etcd.yml -i inventories/prod.yml --world world.yml --seed 7";

pub(super) const RESUME: &str = "\
Examples:
  The run that was worked on last; `cutover runs` lists all
    $ cutover resume latest
    $ cutover resume 20260117-220000-etcd-cutover
  A gate that is still to come is approved beforehand
    $ cutover resume 20260117-220000-etcd-cutover --approve approve-the-removal-of-the-old-release=common-etcd";

pub(super) const UNDO: &str = "\
Examples:
  The run that was worked on last; `cutover runs` lists all
    $ cutover undo latest
    $ cutover undo 20260117-220000-etcd-cutover
  Without anybody at the terminal; the answer is the run's id
    $ cutover undo 20260117-220000-etcd-cutover --approve undo=20260117-220000-etcd-cutover";

pub(super) const REPORT: &str = "\
Examples:
  On the terminal
    $ cutover report 20260117-220000-etcd-cutover
  A page for the change record, and test results for a pipeline
    $ cutover report 20260117-220000-etcd-cutover --format html -o report.html
    $ cutover report latest --format junit -o report.xml";

pub(super) const RUNS: &str = "\
Examples:
    $ cutover runs
    $ cutover runs --run-dir /var/lib/cutover/runs";

pub(super) const EXPLAIN: &str = "\
Examples:
  All modules
    $ cutover explain
  One of them, with its parameters and an example
    $ cutover explain copy_preserve
  What a rehearsal does not simulate
    $ cutover explain sandbox";

pub(super) const SCHEMA: &str = "\
Examples:
    $ cutover schema playbook
  All of them as files, for an editor
    $ cutover schema --write schemas";

pub(super) const INIT: &str = "\
Examples:
  Makes playbooks/redis.yml, inventories/redis.yml and worlds/redis.yml
    $ cutover init redis";

pub(super) const DOCTOR: &str = "\
Examples:
    $ cutover doctor
  Also the keys, kubeconfigs and secrets that an inventory names
    $ cutover doctor -i inventories/prod.yml
  And whether its nodes and API servers answer
    $ cutover doctor --online -i inventories/prod.yml";

pub(super) const COMPLETIONS: &str = "\
Examples:
  For this bash, and for every bash of this user
    $ cutover completions bash > ~/.local/share/bash-completion/completions/cutover
    $ cutover completions zsh > ~/.zfunc/_cutover
    $ cutover completions fish > ~/.config/fish/completions/cutover.fish";
