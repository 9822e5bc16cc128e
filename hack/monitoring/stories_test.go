package main

// story is what a Prometheus has scraped each minute, and whether an alert fires then.
type story struct {
	alert string
	// series have values in promtool's notation: 1x10 is 1, eleven times, 0+2x10 grows by 2 each minute.
	series map[string]string
	// at is the time of the evaluation, since the beginning.
	at string
	// labels and summary are those of the alert; without a summary it must not fire.
	labels  map[string]string
	summary string
}

type values = map[string]string

// stories has for each alert at least one in which it fires, and one in which it does not.
var stories = []story{
	{alert: "SecretSyncOperatorDown", series: values{"secretsync_build_info": "1x10"}, at: "25m",
		summary: "Prometheus has scraped no SecretSync operator for 5 minutes. Secrets keep their values, and no change in AWS reaches them."},
	{alert: "SecretSyncOperatorDown", series: values{"secretsync_build_info": "1x10 _x3 1x10"}, at: "20m"},

	{alert: "SecretSyncNoLeader", series: values{`secretsync_leader{job="op",namespace="sys",pod="a"}`: "1x5 0x30", `secretsync_leader{job="op",namespace="sys",pod="b"}`: "0x30"}, at: "12m",
		labels:  values{"job": "op", "namespace": "sys"},
		summary: "No replica of the SecretSync operator in sys (op) has led for 5 minutes. No change in AWS reaches Secrets."},
	{alert: "SecretSyncNoLeader", series: values{`secretsync_leader{job="op",namespace="sys",pod="a"}`: "1x5 0x30", `secretsync_leader{job="op",namespace="sys",pod="b"}`: "0x6 1x30"}, at: "30m"},

	{alert: "SecretSyncQueueNotMoving", series: values{`secretsync_most_overdue_seconds{job="op",namespace="sys"}`: "0+60x60"}, at: "11m",
		labels:  values{"job": "op", "namespace": "sys"},
		summary: "A SecretSync has been due for 11m 0s. The queue of the operator in sys (op) does not keep up."},
	{alert: "SecretSyncQueueNotMoving", series: values{`secretsync_most_overdue_seconds{job="op",namespace="sys"}`: "0 100 200 310 350 30 2x60"}, at: "9m"},

	{alert: "SecretSyncNotReady", series: values{`secretsync_not_ready_seconds{reason="SecretNotFound"}`: "0+60x60"}, at: "16m",
		labels: values{"reason": "SecretNotFound"}, summary: "SecretSyncs are not ready because of SecretNotFound, one of them for 16m 0s."},
	{alert: "SecretSyncNotReady", series: values{`secretsync_not_ready_seconds{reason="TemplateFailed",secretsync_namespace="payments"}`: "0+60x60"}, at: "20m",
		labels:  values{"reason": "TemplateFailed", "secretsync_namespace": "payments"},
		summary: "SecretSyncs in namespace payments are not ready because of TemplateFailed, one of them for 20m 0s."},
	{alert: "SecretSyncNotReady", series: values{`secretsync_not_ready_seconds{reason="AccessDenied"}`: "0+60x100"}, at: "61m",
		labels: values{"reason": "AccessDenied"}, summary: "SecretSyncs are not ready because of AccessDenied, one of them for 1h 1m 0s."},
	{alert: "SecretSyncNotReady", series: values{`secretsync_not_ready_seconds{reason="SecretNotFound"}`: "0+60x60"}, at: "15m"},
	{alert: "SecretSyncNotReady", series: values{
		`secretsync_not_ready_seconds{reason="Suspended"}`: "9999x60", `secretsync_not_ready_seconds{reason="WouldChange"}`: "9999x60",
		`secretsync_not_ready_seconds{reason="AccessDenied"}`: "0+60x60",
	}, at: "60m"},

	{alert: "SecretSyncAccessDenied", series: values{`secretsync_ready{status="False",reason="KMSAccessDenied"}`: "_x20 3x60"}, at: "30m",
		labels:  values{"reason": "KMSAccessDenied"},
		summary: "In the last hour AWS or the access policy began to deny reads of SecretSyncs (KMSAccessDenied); 3 are denied."},
	{alert: "SecretSyncAccessDenied", series: values{`secretsync_ready{status="False",reason="AccessDenied",secretsync_namespace="payments"}`: "1x80 2x40"}, at: "90m",
		labels:  values{"reason": "AccessDenied", "secretsync_namespace": "payments"},
		summary: "In the last hour AWS or the access policy began to deny reads of SecretSyncs in namespace payments (AccessDenied); 2 are denied."},
	{alert: "SecretSyncAccessDenied", series: values{`secretsync_ready{status="False",reason="AccessDenied"}`: "2x200"}, at: "90m"},
	{alert: "SecretSyncAccessDenied", series: values{`secretsync_ready{status="True",reason="Synced"}`: "2x20 9x200"}, at: "40m"},

	{alert: "SecretSyncPendingDeletion", series: values{`secretsync_ready{status="False",reason="SecretPendingDeletion"}`: "_x5 2x20"}, at: "6m",
		summary: "AWS is about to delete secrets that 2 SecretSyncs read. They can be restored until then."},
	{alert: "SecretSyncPendingDeletion", series: values{`secretsync_ready{status="False",reason="SecretPendingDeletion"}`: "2x5 _x20"}, at: "12m"},

	{alert: "SecretSyncConflict", series: values{`secretsync_ready{status="False",reason="OperatorConflict",secretsync_namespace="payments"}`: "1x30"}, at: "11m",
		labels:  values{"reason": "OperatorConflict", "secretsync_namespace": "payments"},
		summary: "Another writer owns or keeps changing the Secrets of 1 SecretSyncs in namespace payments (OperatorConflict)."},
	{alert: "SecretSyncConflict", series: values{`secretsync_ready{status="False",reason="TargetConflict"}`: "1x8 0x20"}, at: "11m"},

	{alert: "SecretSyncThrottled", series: values{
		`secretsync_aws_calls_total{account="111122223333",region="eu-west-1",outcome="Throttled",operation="DescribeSecret"}`: "0+10x60",
		`secretsync_aws_calls_total{account="111122223333",region="eu-west-1",outcome="ok",operation="DescribeSecret"}`:        "0+90x60",
		`secretsync_aws_calls_total{account="444455556666",region="eu-west-1",outcome="ok",operation="DescribeSecret"}`:        "0+90x60",
	}, at: "31m", labels: values{"account": "111122223333", "region": "eu-west-1"},
		summary: "AWS throttles 10% of the calls of account 111122223333 in eu-west-1."},
	{alert: "SecretSyncThrottled", series: values{
		`secretsync_aws_calls_total{account="",region="eu-west-1",outcome="Throttled",operation="DescribeSecret"}`: "0+4x60",
		`secretsync_aws_calls_total{account="",region="eu-west-1",outcome="ok",operation="DescribeSecret"}`:        "0+96x60",
	}, at: "50m"},

	{alert: "SecretSyncCallBudgetExceeded", series: values{`secretsync_aws_calls_total{account="",region="eu-west-1",outcome="ok",operation="DescribeSecret"}`: "0+1000x200"}, at: "121m",
		labels: values{"region": "eu-west-1"}, summary: "The operator makes 1.44M calls to AWS a day in eu-west-1, more than the budget."},
	{alert: "SecretSyncCallBudgetExceeded", series: values{`secretsync_aws_calls_total{account="",region="eu-west-1",outcome="ok",operation="DescribeSecret"}`: "0+600x200"}, at: "121m"},

	{alert: "SecretSyncRotationFailed", series: values{`secretsync_rotation_health{reason="RotationFailed"}`: "0x3 1x9"}, at: "4m",
		summary: "AWS reports that the last rotation of the secrets of 1 SecretSyncs failed."},
	{alert: "SecretSyncRotationFailed", series: values{`secretsync_rotation_health{reason="RotationFailed"}`: "1x3 0x9", `secretsync_rotation_health{reason="RotationOnSchedule"}`: "9x9"}, at: "5m"},
	{alert: "SecretSyncRotationStuck", series: values{`secretsync_rotation_health{reason="RotationStuck"}`: "0 2x20"}, at: "7m",
		summary: "A new version of the secrets of 2 SecretSyncs has had the label AWSPENDING for longer than a rotation takes."},
	{alert: "SecretSyncRotationStuck", series: values{`secretsync_rotation_health{reason="RotationStuck"}`: "0 2x3 0x20", `secretsync_rotation_health{reason="RotationInProgress"}`: "2x20"}, at: "7m"},
	{alert: "SecretSyncRotationOverdue", series: values{`secretsync_rotation_health{reason="RotationNever"}`: "1x90", `secretsync_rotation_health{reason="RotationOverdue"}`: "0x90"}, at: "61m",
		labels: values{"reason": "RotationNever"}, summary: "AWS has not rotated the secrets of 1 SecretSyncs as scheduled (RotationNever)."},
	{alert: "SecretSyncRotationOverdue", series: values{`secretsync_rotation_health{reason="RotationOverdue"}`: "1x50 0x50"}, at: "90m"},
	{alert: "SecretSyncRotationTooOld", series: values{`secretsync_rotation_health{reason="RotationTooOld"}`: "4x90"}, at: "61m",
		summary: "The values of 4 SecretSyncs are older than their spec.rotation.maxAge."},
	{alert: "SecretSyncRotationTooOld", series: values{`secretsync_rotation_health{reason="RotationTooOld"}`: "4x30 0x60", `secretsync_rotation_health{reason="RotationDisabled"}`: "4x90"}, at: "61m"},

	{alert: "SecretSyncPropagationSlow", series: values{
		`secretsync_propagation_seconds_bucket{le="600"}`: "0x90", `secretsync_propagation_seconds_bucket{le="1800"}`: "0+10x90", `secretsync_propagation_seconds_bucket{le="+Inf"}`: "0+10x90",
	}, at: "20m", summary: "One in ten new versions took 28m 0s or longer from AWS into its Secret in the last hour."},
	{alert: "SecretSyncPropagationSlow", series: values{
		`secretsync_propagation_seconds_bucket{le="600"}`: "0+19x90", `secretsync_propagation_seconds_bucket{le="1800"}`: "0+20x90", `secretsync_propagation_seconds_bucket{le="+Inf"}`: "0+20x90",
	}, at: "40m"},

	{alert: "SecretSyncRestartFailed", series: values{`secretsync_workloads_restarted{reason="RolloutFailed"}`: "0 1x20", `secretsync_workloads_restarted{reason="RolledOut"}`: "5x20"}, at: "7m",
		labels: values{"reason": "RolloutFailed"}, summary: "The restart of workloads failed for 1 SecretSyncs (RolloutFailed). Pods run with former values."},
	{alert: "SecretSyncRestartFailed", series: values{`secretsync_workloads_restarted{reason="RollingOut"}`: "5x20", `secretsync_workloads_restarted{reason="RestartNever"}`: "5x20"}, at: "15m"},

	{alert: "SecretSyncChangeQueueDown", series: values{`secretsync_change_queue_up{job="op",namespace="sys",pod="a"}`: "0x30", `secretsync_change_queue_up{job="op",namespace="sys",pod="b"}`: "1x5 0x30"}, at: "17m",
		labels:  values{"job": "op", "namespace": "sys"},
		summary: "The queue of change events has not answered the operator in sys (op) for 10 minutes. Changes are found by polling."},
	{alert: "SecretSyncChangeQueueDown", series: values{`secretsync_change_queue_up{job="op",namespace="sys",pod="a"}`: "0x30", `secretsync_change_queue_up{job="op",namespace="sys",pod="b"}`: "1x30"}, at: "20m"},
	{alert: "SecretSyncChangeEventsLate", series: values{
		`secretsync_change_event_age_seconds_bucket{le="60"}`: "0x90", `secretsync_change_event_age_seconds_bucket{le="120"}`: "0+10x90", `secretsync_change_event_age_seconds_bucket{le="+Inf"}`: "0+10x90",
	}, at: "20m", summary: "One in ten change events arrived 1m 54s or longer after the change in the last 15 minutes."},
	{alert: "SecretSyncChangeEventsLate", series: values{
		`secretsync_change_event_age_seconds_bucket{le="60"}`: "0+10x90", `secretsync_change_event_age_seconds_bucket{le="120"}`: "0+10x90", `secretsync_change_event_age_seconds_bucket{le="+Inf"}`: "0+10x90",
	}, at: "40m"},
	{alert: "SecretSyncChangeEventsDeadLetter", series: values{`secretsync_change_events_total{outcome="malformed"}`: "0x5 3x10"}, at: "8m",
		summary: "The queue of change events had messages in the last hour that the operator cannot read. SQS moves them to the dead-letter queue."},
	{alert: "SecretSyncChangeEventsDeadLetter", series: values{`secretsync_change_events_total{outcome="malformed"}`: "3x90", `secretsync_change_events_total{outcome="notified"}`: "0+3x90"}, at: "70m"},
}
