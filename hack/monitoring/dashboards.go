package main

import (
	"bytes"
	"encoding/json"
)

// dashboard is a dashboard of Grafana.
type dashboard struct {
	uid, title string
	panels     []panel
}

// panel is a panel of a dashboard: a stat for a single value, a timeseries for its history.
type panel struct {
	title, help string
	stat        bool
	// unit is a unit of Grafana; empty for a number.
	unit    string
	queries []query
}

// query is a query of Prometheus, with the legend of its series.
type query struct{ expression, legend string }

// ofOperator restricts metrics that other processes have too to those of the operator.
const ofOperator = " * on (job, instance) group_left () secretsync_build_info"

// fleet shows the state of SecretSyncs.
func fleet() dashboard {
	return dashboard{"secretsync-fleet", "SecretSync / Fleet", []panel{
		{title: "Ready", help: "SecretSyncs whose condition Ready is True.", stat: true,
			queries: []query{{`sum(secretsync_ready{status="True"})`, ""}}},
		{title: "Not ready", help: "SecretSyncs whose condition Ready is False, without those that are suspended or in mode Observe.", stat: true,
			queries: []query{{`sum(secretsync_ready{status="False", reason!~"Suspended|WouldChange"}) or vector(0)`, ""}}},
		{title: "Oldest version", help: "How long ago the oldest version in a Secret was created, former versions aside.", stat: true, unit: "s",
			queries: []query{{`max(secretsync_oldest_version_seconds)`, ""}}},
		{title: "Not ready, by reason", help: "The sections of docs/troubleshooting.md say what each reason needs.",
			queries: []query{{`sum by (reason, secretsync_namespace) (secretsync_ready{status="False"})`, "{{reason}} {{secretsync_namespace}}"}}},
		{title: "Not ready for, by reason", help: "The longest of each reason.", unit: "s",
			queries: []query{{`max by (reason, secretsync_namespace) (secretsync_not_ready_seconds)`, "{{reason}} {{secretsync_namespace}}"}}},
		{title: "Syncs, by outcome", unit: "cps",
			queries: []query{{`sum by (outcome, reason) (rate(secretsync_syncs_total[$__rate_interval]))`, "{{outcome}} {{reason}}"}}},
		{title: "Rotations, by reason", help: "The reasons of the condition RotationHealthy.",
			queries: []query{{`sum by (reason) (secretsync_rotation_health)`, "{{reason}}"}}},
		{title: "Time from AWS into the Secret", unit: "s", queries: []query{
			{`histogram_quantile(0.5, sum by (le) (rate(secretsync_propagation_seconds_bucket[$__rate_interval])))`, "half"},
			{`histogram_quantile(0.9, sum by (le) (rate(secretsync_propagation_seconds_bucket[$__rate_interval])))`, "nine in ten"},
		}},
		{title: "Time between versions", help: "Half of the new versions came sooner after the former one.", unit: "s",
			queries: []query{{`histogram_quantile(0.5, sum by (le) (rate(secretsync_rotation_interval_seconds_bucket[$__rate_interval])))`, "half"}}},
		{title: "Restarts of workloads, by reason", help: "The reasons of the condition WorkloadsRestarted.",
			queries: []query{{`sum by (reason) (secretsync_workloads_restarted)`, "{{reason}}"}}},
	}}
}

// operator shows the operator itself.
func operator() dashboard {
	return dashboard{"secretsync-operator", "SecretSync / Operator", []panel{
		{title: "Leaders", help: "One for each operator.", stat: true, queries: []query{{`sum(secretsync_leader)`, ""}}},
		{title: "Builds", stat: true, queries: []query{{`count by (version) (secretsync_build_info)`, "{{version}}"}}},
		{title: "Most overdue", help: "Seconds are normal; more means that polling does not keep up.", unit: "s",
			queries: []query{{`max by (instance) (secretsync_most_overdue_seconds)`, "{{instance}}"}}},
		{title: "Queue", queries: []query{
			{`sum(workqueue_depth{name="secretsync"})`, "in the queue"},
			{`sum(secretsync_parked_objects)`, "wait for a worker"},
			{`sum(secretsync_stale_objects)`, "stale in the watch"},
		}},
		{title: "Reconciles, by result", unit: "cps",
			queries: []query{{`sum by (result) (rate(controller_runtime_reconcile_total{controller="secretsync"}[$__rate_interval]))`, "{{result}}"}}},
		{title: "Calls to AWS, by operation", unit: "cps",
			queries: []query{{`sum by (operation) (rate(secretsync_aws_calls_total[$__rate_interval]))`, "{{operation}}"}}},
		{title: "Refusals of AWS, by account", unit: "cps",
			queries: []query{{`sum by (account, region, outcome) (rate(secretsync_aws_calls_total{outcome!="ok"}[$__rate_interval]))`, "{{outcome}} {{account}} {{region}}"}}},
		{title: "Latency of AWS, nine in ten", unit: "s",
			queries: []query{{`histogram_quantile(0.9, sum by (le, operation) (rate(secretsync_aws_call_duration_seconds_bucket[$__rate_interval])))`, "{{operation}}"}}},
		{title: "Calls in flight", queries: []query{{`sum by (account, region) (secretsync_aws_calls_in_flight)`, "{{account}} {{region}}"}}},
		{title: "Change events, by outcome", unit: "cps",
			queries: []query{{`sum by (outcome) (rate(secretsync_change_events_total[$__rate_interval]))`, "{{outcome}}"}}},
		{title: "Age of change events, nine in ten", unit: "s",
			queries: []query{{`histogram_quantile(0.9, sum by (le) (rate(secretsync_change_event_age_seconds_bucket[$__rate_interval])))`, ""}}},
		{title: "Requests to the API server", unit: "cps",
			queries: []query{{`sum by (method, code) (rate(rest_client_requests_total[$__rate_interval])` + ofOperator + `)`, "{{method}} {{code}}"}}},
		{title: "Memory", unit: "bytes", queries: []query{{`process_resident_memory_bytes` + ofOperator, "{{instance}}"}}},
		{title: "CPU", help: "Cores in use.", queries: []query{{`rate(process_cpu_seconds_total[$__rate_interval])` + ofOperator, "{{instance}}"}}},
	}}
}

// object is an object of JSON.
type object = map[string]any

// Sizes of panels in Grafana's grid, which has 24 columns.
const panelWidth, panelHeight, columns = 8, 8, 24

// json is the dashboard as Grafana imports it.
func (d dashboard) json() (string, error) {
	source := object{"type": "prometheus", "uid": "${datasource}"}
	var panels []object
	for n, p := range d.panels {
		kind, perRow := "timeseries", columns/panelWidth
		if p.stat {
			kind = "stat"
		}
		var targets []object
		for i, q := range p.queries {
			targets = append(targets, object{"refId": string(rune('A' + i)), "expr": q.expression, "legendFormat": q.legend, "datasource": source})
		}
		defaults := object{}
		if p.unit != "" {
			defaults["unit"] = p.unit
		}
		panels = append(panels, object{
			"id": n + 1, "type": kind, "title": p.title, "description": p.help, "datasource": source, "targets": targets,
			"gridPos":     object{"w": panelWidth, "h": panelHeight, "x": n % perRow * panelWidth, "y": n / perRow * panelHeight},
			"fieldConfig": object{"defaults": defaults, "overrides": []any{}},
		})
	}
	var written bytes.Buffer
	encoder := json.NewEncoder(&written)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(object{
		"uid": d.uid, "title": d.title, "tags": []string{"secretsync"}, "schemaVersion": 39, "editable": true, "refresh": "1m",
		"time":       object{"from": "now-6h", "to": "now"},
		"templating": object{"list": []object{{"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}}},
		"panels":     panels,
	})
	return written.String(), err
}
