package schedule

// Trigger says why a reconcile asks AWS.
type Trigger string

// Triggers of a reconcile.
const (
	None    Trigger = ""
	Spec    Trigger = "spec"    // the spec is new or was edited
	Refresh Trigger = "refresh" // the refresh annotation was changed
	Drift   Trigger = "drift"   // the Secret was edited or deleted
	Event   Trigger = "event"   // a change event of AWS concerns the SecretSync, or AWS has not caught up with one
	Restore Trigger = "restore" // the SecretSync went back in time, as by a restore of etcd
	Poll    Trigger = "poll"    // the poll, or the next try, is due
)
