package tenants

import (
	"maps"
	"strings"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

const valueRejected, templateFailed = v1alpha1.ReasonValueRejected, v1alpha1.ReasonTemplateFailed

// shaped is an attack by a whole spec.
func shaped(spec object, refused ...string) attack { return attack{spec: spec, refused: refused} }

// harmless is an attack that is accepted and gives only the attacker's own values, under these keys.
func harmless(spec object, keys ...string) attack {
	return attack{spec: spec, refused: []string{v1alpha1.ReasonSynced}, own: keys}
}

// with is a spec with another field.
func with(spec object, field string, value any) object {
	more := maps.Clone(spec)
	more[field] = value
	return more
}

// oneKey is a spec with a single key.
func oneKey(source object) object {
	return object{"data": []any{object{"key": "k", "source": source}}}
}

// whole is a spec with a single entry of dataFrom.
func whole(entry object) object { return object{"dataFrom": []any{entry}} }

// bySources tries to read, by keys and entries, what the spec as a whole may not read.
func bySources(setup *attackSetup) map[string]attack {
	own, theirs := setup.attacker.secretID, setup.victim
	replica := strings.Replace(theirs.arn, "eu-west-1", otherRegion, 1)
	mine := object{"secretID": own}
	beside := func(entry object) object {
		return object{"source": mine, "data": []any{object{"key": "mine"}, entry}}
	}
	return map[string]attack{
		"a key, by their secret's name":           shaped(oneKey(object{"secretID": theirs.secretID}), policyDenied),
		"a key, by its ARN":                       shaped(oneKey(object{"secretID": theirs.arn}), policyDenied),
		"a key, by its partial ARN":               shaped(oneKey(object{"secretID": theirs.arn[:len(theirs.arn)-7]}), policyDenied),
		"a key, by the region of its replica":     shaped(oneKey(object{"secretID": theirs.secretID, "region": otherRegion}), policyDenied),
		"a key, by the ARN of its replica":        shaped(oneKey(object{"secretID": replica}), policyDenied),
		"a key, by a version of it":               shaped(oneKey(object{"secretID": theirs.secretID, "versionID": theirs.version}), policyDenied),
		"a key, by another label of it":           shaped(oneKey(object{"secretID": theirs.secretID, "versionStage": "AWSPREVIOUS"}), policyDenied),
		"a key, by a secret of another account":   shaped(oneKey(object{"secretID": setup.abroad}), policyDenied),
		"a key, by a secret tagged as theirs":     shaped(oneKey(object{"secretID": "/shared/tagged"}), notFound),
		"their version, of one's own secret":      shaped(object{"source": mine, "data": []any{object{"key": "k", "source": object{"versionID": theirs.version}}}}, v1alpha1.ReasonVersionNotFound),
		"a key of theirs beside one's own":        shaped(beside(object{"key": "k", "source": object{"secretID": theirs.secretID}}), policyDenied),
		"the same, optional":                      shaped(beside(object{"key": "k", "source": object{"secretID": theirs.secretID}, "optional": true}), policyDenied),
		"the same, by an expression":              shaped(beside(object{"key": "k", "source": object{"secretID": theirs.arn}, "jmesPath": "@"}), policyDenied),
		"the same, decoded":                       shaped(beside(object{"key": "k", "source": object{"secretID": theirs.arn}, "decode": "Base64"}), policyDenied),
		"all of theirs":                           shaped(whole(object{"source": object{"secretID": theirs.secretID}}), policyDenied),
		"all of theirs, optional":                 shaped(whole(object{"source": object{"secretID": theirs.arn}, "optional": true}), policyDenied),
		"all of theirs, behind all of one's own":  shaped(object{"dataFrom": []any{object{"source": mine}, object{"source": object{"secretID": theirs.arn}, "prefix": "x"}}}, policyDenied),
		"all of theirs, by one's ServiceAccount":  shaped(with(whole(object{"source": object{"secretID": theirs.arn}}), "auth", byServiceAccount("app")), accessDenied),
		"a key of theirs, by one's own role":      shaped(with(oneKey(object{"secretID": theirs.arn}), "auth", byRole(setup.attacker.direct)), policyDenied),
		"a key of theirs, by their role":          shaped(with(oneKey(object{"secretID": "/shared/any"}), "auth", byRole(theirs.direct)), assumeDenied),
		"one key allowed, one not, by AWS":        shaped(with(beside(object{"key": "k", "source": object{"secretID": theirs.arn}, "optional": true}), "auth", byServiceAccount("app")), accessDenied),
		"an identity for a single key":            shaped(oneKey(object{"secretID": theirs.arn, "auth": byRole(theirs.direct)})),
		"a namespace for a single key":            shaped(oneKey(object{"secretID": own, "namespace": theirs.namespace})),
		"a key that is a path":                    shaped(object{"source": mine, "data": []any{object{"key": "../k"}}}),
		"former values of theirs":                 shaped(object{"source": object{"secretID": theirs.secretID}, "keepPrevious": object{"for": "1h"}}, policyDenied),
		"former values beside one's own":          shaped(with(beside(object{"key": "k", "source": object{"secretID": theirs.arn}}), "keepPrevious", object{"for": "1h"}), policyDenied),
		"regions that theirs is replicated to":    from(object{"secretID": theirs.secretID, "failoverRegions": []any{otherRegion}}, policyDenied),
		"the same, by its ARN":                    from(object{"secretID": theirs.arn, "failoverRegions": []any{otherRegion}}, policyDenied),
		"the same, by one's own ServiceAccount":   shaped(object{"source": object{"secretID": theirs.arn, "failoverRegions": []any{otherRegion}}, "auth": byServiceAccount("app")}, accessDenied),
		"regions where one's own has no replica":  harmless(object{"source": object{"secretID": own, "failoverRegions": []any{otherRegion}}}, "value"),
		"a region that is a host's name":          from(object{"secretID": own, "failoverRegions": []any{"eu-west-1.example.com/"}}),
		"a region of a single key that is a host": shaped(oneKey(object{"secretID": own, "region": "x.example.com/#-1"})),
	}
}

// byFind tries to find secrets of another tenant.
func byFind(setup *attackSetup) map[string]attack {
	setup.attacker.account("lister", map[string]string{"eks.amazonaws.com/role-arn": setup.attacker.role("lister", trustAccount("mallory", "lister"),
		`{"Statement": [{"Effect": "Allow", "Action": "secretsmanager:ListSecrets", "Resource": "*"},
			{"Effect": "Allow", "Action": ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"], "Resource": "arn:aws:secretsmanager:*:*:secret:/mallory/*"}]}`)})
	found := func(find object, more ...any) object {
		entry := object{"find": find}
		for i := 0; i < len(more); i += 2 {
			entry[more[i].(string)] = more[i+1]
		}
		return whole(entry)
	}
	fields := func(find object) object { return found(with(find, "take", "Fields"), "prefix", "x") }
	theirPrefix, theirTags, bothTags := object{"namePrefix": "/mallory2/"}, object{"tags": object{"owner": "mallory2"}}, object{"tags": object{"team": "red"}}
	return map[string]attack{
		"their prefix":                               shaped(found(theirPrefix), notFound),
		"their prefix, fields":                       shaped(fields(theirPrefix), notFound),
		"a prefix of both":                           harmless(found(object{"namePrefix": "/mallory"}), "_db", "_red"),
		"a pattern of theirs":                        shaped(found(object{"namePattern": "/mallory2/.*"}), notFound),
		"a pattern of both":                          harmless(found(object{"namePattern": ".*/(db|red|plain|tagged|abroad)"}), "_mallory_db", "_mallory_red"),
		"a pattern with an alternative":              harmless(found(object{"namePattern": "/mallory/red|/mallory2/red"}), "_mallory_red"),
		"their tags":                                 shaped(found(theirTags), notFound),
		"their tags, fields":                         shaped(fields(theirTags), notFound),
		"tags that both have":                        harmless(found(bothTags), "_mallory_red"),
		"tags that both have, fields":                harmless(fields(bothTags), "xmine"),
		"the tag of the operator's rules":            shaped(found(object{"tags": object{"secretsync.dev/namespaces": "mallory2 others"}}), notFound),
		"the region of their replica":                shaped(found(object{"namePrefix": "/mallory2/", "region": otherRegion}), notFound),
		"theirs, optional, beside one's own":         harmless(object{"source": object{"secretID": setup.attacker.secretID}, "data": []any{object{"key": "mine"}}, "dataFrom": []any{object{"find": theirPrefix, "optional": true}}}, "mine"),
		"theirs, behind one's own":                   shaped(object{"dataFrom": []any{object{"find": object{"namePrefix": "/mallory/"}}, object{"find": theirPrefix}}}, notFound),
		"everything":                                 shaped(found(object{})),
		"everything, by a pattern and a bad one":     shaped(found(object{"namePattern": "(["}), notFound, v1alpha1.ReasonInvalidValue, v1alpha1.ReasonSourceFailed),
		"without the permission to list":             shaped(with(found(theirPrefix), "auth", byServiceAccount("app")), accessDenied),
		"theirs, by one that may list":               shaped(with(found(theirPrefix), "auth", byServiceAccount("lister")), accessDenied),
		"the same, optional":                         shaped(with(found(theirPrefix, "optional", true), "auth", byServiceAccount("lister")), accessDenied),
		"tags of both, by one that may list":         shaped(with(found(bothTags), "auth", byServiceAccount("lister")), accessDenied),
		"fields of both, by one that may list":       shaped(with(fields(bothTags), "auth", byServiceAccount("lister")), accessDenied),
		"theirs, by one's own role":                  shaped(with(found(theirPrefix), "auth", byRole(setup.attacker.direct)), accessDenied, notFound),
		"theirs, by their role":                      shaped(with(found(theirPrefix), "auth", byRole(setup.victim.direct)), assumeDenied),
		"theirs, by the role of their account":       shaped(with(found(theirPrefix), "auth", byServiceAccount("greedy")), assumeDenied),
		"theirs, by the ServiceAccount of theirs":    shaped(with(found(theirPrefix), "auth", byServiceAccount("theirs")), unavailable),
		"theirs, in mode Observe":                    shaped(with(found(theirPrefix), "mode", "Observe"), notFound),
		"former values of what both have":            harmless(with(found(bothTags), "keepPrevious", object{"for": "1h"}), "_mallory_red"),
		"renamed, so that their names look like own": shaped(found(theirPrefix, "rename", []any{object{"match": "mallory2", "replace": "mallory"}}), notFound),
	}
}

// byTemplates tries templates that read more than their values, or never end. All use the attacker's own secret.
func byTemplates(setup *attackSetup) map[string]attack {
	all := map[string]attack{}
	for name, text := range map[string]string{
		"the environment":         `{{ env "AWS_SECRET_ACCESS_KEY" }}`,
		"the environment, spread": `{{ expandenv "$AWS_SECRET_ACCESS_KEY" }}`,
		"a file":                  `{{ readFile "/var/run/secrets/kubernetes.io/serviceaccount/token" }}`,
		"a file of a chart":       `{{ .Files.Get "/etc/passwd" }}`,
		"a name's address":        `{{ getHostByName "secret.example.com" }}`,
		"another Secret":          `{{ lookup "v1" "Secret" "mallory2" "own" }}`,
		"another Secret's keys":   `{{ (index . "mallory2/own").value }}`,
		"a secret that was read":  `{{ secretsmanager "` + setup.victim.secretID + `" }}`,
		"a call":                  `{{ call .value }}`,
		"a method":                `{{ .value.String }}`,
		"a method of the data":    `{{ .Reveal }}`,
		"another template":        `{{ include "other" . }}`,
		"itself, for ever":        `{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}`,
		"a huge range":            `{{ range 1000000000 }}x{{ end }}`,
		"ranges in ranges":        `{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}`,
		"a huge number of blanks": `{{ printf "%999999999d" 1 }}`,
		"a random text":           `{{ randAlphaNum 10 }}`,
		"the time":                `{{ now }}`,
	} {
		all[name] = to(setup.attacker.secretID, object{"template": object{"data": object{"k": text}}}, templateFailed)
	}
	all["their values, in one's own text"] = to(setup.victim.secretID, object{"template": object{"data": object{"k": `{{ .value | b64enc }}`}, "mergePolicy": "Replace"}}, policyDenied)
	all["a key of theirs, made up"] = shaped(with(oneKey(object{"secretID": setup.victim.arn}), "template", object{"data": object{"x": "{{ .k }}"}, "mergePolicy": "Replace"}), policyDenied)
	all["a key that is a path"] = to(setup.attacker.secretID, object{"template": object{"data": object{"../k": "x"}}})
	return all
}

// byShapes tries the remaining fields of a spec.
func byShapes(setup *attackSetup) map[string]attack {
	own, theirs := setup.attacker.secretID, setup.victim
	listed := func(workload object) attack {
		return to(own, object{"rollout": object{"restart": "Listed", "workloads": []any{workload}}})
	}
	guarded := func(secretID, pattern string, refused ...string) attack {
		return to(secretID, object{"guards": object{"keys": []any{object{"key": "*", "pattern": pattern}}}}, refused...)
	}
	return map[string]attack{
		"what theirs would change":               to(theirs.secretID, object{"mode": "Observe"}, policyDenied),
		"a pattern that guesses theirs":          guarded(theirs.secretID, "hunted-.*", policyDenied),
		"a pattern that others choke on":         guarded(own, "((h|hu|hun)+.?)+X", valueRejected),
		"a workload's namespace":                 listed(object{"kind": "Deployment", "name": "app", "namespace": theirs.namespace}),
		"a workload of another kind":             listed(object{"kind": "Pod", "name": "app"}),
		"restarts of all, in a field of its own": to(own, object{"rollout": object{"restart": "Auto", "namespaces": []any{theirs.namespace}}}),
		"another's Secret, recreated":            to(own, object{"target": object{"name": "taken", "replacePolicy": "Recreate", "immutable": true}}, v1alpha1.ReasonTargetConflict),
		"another's key, of the same name":        to(own, object{"target": object{"name": "taken", "creationPolicy": "Merge"}}, v1alpha1.ReasonMergeNotAllowed),
		"a key of one's own in another's Secret": shaped(object{"source": object{"secretID": own}, "data": []any{object{"key": "LD_PRELOAD"}},
			"target": object{"name": "taken", "creationPolicy": "Merge"}}, v1alpha1.ReasonMergeNotAllowed),
		"a label on another's Secret":       to(own, object{"target": object{"name": "taken", "creationPolicy": "Merge", "labels": object{"a": "b"}}}),
		"an annotation on another's Secret": to(own, object{"target": object{"name": "taken", "creationPolicy": "Merge", "annotations": object{v1alpha1.AnnotationMergeFrom: "*"}}}),
	}
}
