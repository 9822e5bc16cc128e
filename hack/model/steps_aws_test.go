package model

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/secretsync/secretsync/hack/localaws"
)

func isThere(s *awsSecret) bool { return s.is == present }
func isGone(s *awsSecret) bool  { return s.is == gone }

// create creates or recreates a secret.
func (r *run) create(of *awsSecret, holds content) {
	r.Helper()
	id := r.versionID()
	r.note("create %s, life %d, with %s", of.name, of.life+1, describe(holds))
	input := &secretsmanager.CreateSecretInput{Name: &of.name, ClientRequestToken: &id}
	input.SecretString, input.SecretBinary = wire(holds)
	made, err := r.createOnceFree(input)
	r.must(err)
	of.begin(*made.ARN)
	of.put(&version{content: holds, number: 1, life: of.life, id: id}, current)
	r.happened()
}

// createOnceFree creates a secret. It retries while an earlier secret of that name is being deleted by force, which the
// service does in the background.
func (r *run) createOnceFree(input *secretsmanager.CreateSecretInput) (*secretsmanager.CreateSecretOutput, error) {
	const pause, most = 20 * time.Millisecond, 500
	for range most {
		made, err := r.aws.CreateSecret(r.Context(), input)
		if _, refused := errors.AsType[*types.InvalidRequestException](err); !refused {
			return made, err
		}
		time.Sleep(pause)
	}
	return nil, fmt.Errorf("the name %s did not become free", *input.Name)
}

// put adds a version under its labels.
func (r *run) put(to *awsSecret, holds content, labels ...string) {
	r.Helper()
	v := &version{content: holds, number: len(to.versions) + 1, life: to.life, id: r.versionID()}
	r.note("put v%d into %s at %s: %s", v.number, to.name, strings.Join(labels, ", "), describe(holds))
	input := &secretsmanager.PutSecretValueInput{SecretId: &to.name, ClientRequestToken: &v.id, VersionStages: labels}
	input.SecretString, input.SecretBinary = wire(holds)
	_, err := r.aws.PutSecretValue(r.Context(), input)
	r.must(err)
	to.put(v, labels...)
	r.happened()
}

func wire(holds content) (text *string, binary []byte) {
	if holds.binary {
		return nil, []byte(holds.text)
	}
	return &holds.text, nil
}

// describe describes a content without its values.
func describe(holds content) string {
	switch {
	case holds.broken:
		return string(broken)
	case holds.binary:
		return string(shapeBinary)
	case holds.fields == nil:
		return string(shapeText)
	}
	return "fields " + strings.Join(slices.Sorted(maps.Keys(holds.fields)), ", ")
}

func (r *run) rotate() bool {
	to, found := anyOf(r, r.secrets, isThere)
	if found {
		r.put(to, r.drawContent(to, r.drawShape()), current)
	}
	return found
}

// stage adds a version that does not become the current one.
func (r *run) stage() bool {
	to, found := anyOf(r, r.secrets, isThere)
	if found {
		r.put(to, r.drawContent(to, r.drawShape()), pick(r, pending, pending, live, blue))
	}
	return found
}

func (r *run) rollBack() bool {
	of, found := anyOf(r, r.secrets, func(s *awsSecret) bool { return s.is == present && len(s.versions) > 1 })
	if found {
		r.label(of, current, pick(r, of.versions...))
	}
	return found
}

// moveLabel moves a label to any version, or removes it.
func (r *run) moveLabel() bool {
	of, found := anyOf(r, r.secrets, isThere)
	return found && r.moveOff(of, pick(r, live, live, blue, pending, pending, previous))
}

// moveFollowed moves a label that a SecretSync follows.
func (r *run) moveFollowed() bool {
	by, found := anyOf(r, r.slots, func(s *slot) bool {
		return s.exists && s.spec.from.is == present && s.spec.pinned == nil && s.spec.label != current
	})
	return found && r.moveOff(by.spec.from, by.spec.label)
}

// flip moves labels that a SecretSync follows while it reads; some answers are delayed for that.
func (r *run) flip() bool {
	by, found := anyOf(r, r.slots, func(s *slot) bool { return s.exists && len(s.spec.more) > 0 })
	if !found {
		return false
	}
	r.note("some answers come late, and %s is asked for a refresh", by)
	r.env.AWS.SetFaults(localaws.Fault{Principal: operatorARN, Latency: 150 * time.Millisecond, Slow: 2})
	r.askRefresh(by)
	for range 8 {
		r.pause(longestPause)
		at := by.spec.readingAt(r.random.IntN(1 + len(by.spec.more)))
		if at.from.is != present || at.pinned != nil || len(at.from.versions) < 2 {
			continue
		}
		// Never remove it from all: a missing label is not read.
		to, _ := anyOf(r, at.from.versions, func(v *version) bool { return v != at.from.labels[at.label] })
		r.label(at.from, at.label, to)
	}
	return r.heal()
}

// moveOff moves a label to another version.
func (r *run) moveOff(of *awsSecret, label string) bool {
	to, found := anyOf(r, of.versions, func(v *version) bool { return v != of.labels[label] })
	if off := of.labels[label] != nil && r.chance(15); off || !found {
		to = nil
	}
	if to == nil && of.labels[label] == nil {
		return false
	}
	r.label(of, label, to)
	return true
}

// label moves a label as UpdateSecretVersionStage does.
func (r *run) label(of *awsSecret, label string, to *version) {
	r.Helper()
	input := &secretsmanager.UpdateSecretVersionStageInput{SecretId: &of.name, VersionStage: &label}
	from, where := of.labels[label], "off"
	if from != nil {
		input.RemoveFromVersionId = &from.id
	}
	if to != nil {
		input.MoveToVersionId = &to.id
		where = fmt.Sprintf("to v%d", to.number)
	}
	r.note("move %s of %s %s", label, of.name, where)
	_, err := r.aws.UpdateSecretVersionStage(r.Context(), input)
	r.must(err)
	of.move(label, to)
	r.happened()
}

func (r *run) markForDeletion() bool {
	of, found := anyOf(r, r.secrets, isThere)
	if found {
		r.note("delete %s, to be restored", of.name)
		_, err := r.aws.DeleteSecret(r.Context(), &secretsmanager.DeleteSecretInput{SecretId: &of.name})
		r.must(err)
		of.is = marked
		r.happened()
	}
	return found
}

// deleteForGood deletes a secret without recovery, preferably one that is optional for a SecretSync.
func (r *run) deleteForGood() bool {
	optional := map[*awsSecret]bool{}
	for _, by := range r.slots {
		for i := range by.spec.more {
			if further := &by.spec.more[i]; by.exists && by.spec.optional(&further.reading) {
				optional[further.from] = true
			}
		}
	}
	rather := r.chance(70) && len(optional) > 0
	of, found := anyOf(r, r.secrets, func(s *awsSecret) bool { return s.is != gone && (!rather || optional[s]) })
	if found {
		r.note("delete %s for good", of.name)
		_, err := r.aws.DeleteSecret(r.Context(), &secretsmanager.DeleteSecretInput{SecretId: &of.name, ForceDeleteWithoutRecovery: aws.Bool(true)})
		r.must(err)
		of.is = gone
		r.happened()
	}
	return found
}

// bringBack restores or recreates a secret.
func (r *run) bringBack() bool {
	of, found := anyOf(r, r.secrets, func(s *awsSecret) bool { return s.is != present })
	if found {
		r.revive(of)
	}
	return found
}

func (r *run) revive(of *awsSecret) {
	r.Helper()
	if isGone(of) {
		r.create(of, r.drawContent(of, plain))
		return
	}
	r.note("restore %s", of.name)
	_, err := r.aws.RestoreSecret(r.Context(), &secretsmanager.RestoreSecretInput{SecretId: &of.name})
	r.must(err)
	of.is = present
	r.happened()
}

// soft denials are of permissions that the operator does not need.
func soft(action string) bool { return action == "DescribeSecret" || action == "BatchGetSecretValue" }

// deny denies a permission to the operator, for one secret or for all.
func (r *run) deny() bool {
	action := pick(r, "DescribeSecret", "BatchGetSecretValue", "GetSecretValue", "*")
	rule := localaws.Rule{Deny: true, Principal: operatorARN, Action: "secretsmanager:" + action}
	if action != "BatchGetSecretValue" && r.chance(70) {
		rule.Resource = "*" + pick(r, r.secrets...).name + "*"
	}
	key := action + " " + rule.Resource
	if _, denied := r.rules[key]; denied {
		return false
	}
	r.note("deny %s", key)
	r.rules[key] = rule
	r.noteUndated()
	r.env.AWS.SetRules(slices.Collect(maps.Values(r.rules))...)
	return true
}

func (r *run) allow() bool {
	key, found := anyOf(r, slices.Sorted(maps.Keys(r.rules)), nil)
	if found {
		r.note("allow %s", key)
		delete(r.rules, key)
		r.env.AWS.SetRules(slices.Collect(maps.Values(r.rules))...)
	}
	return found
}

func (r *run) throttle() bool {
	operation, rate := pick(r, "DescribeSecret", "GetSecretValue", "BatchGetSecretValue"), float64(3+r.random.IntN(10))
	r.note("let through %g %s a second", rate, operation)
	r.env.AWS.SetRate(operation, rate)
	return true
}

func (r *run) fault() bool {
	trouble := pick(r,
		localaws.Fault{}, localaws.Fault{Code: "ServiceUnavailable", Status: http.StatusServiceUnavailable},
		localaws.Fault{Cut: true}, localaws.Fault{Half: true}, localaws.Fault{Latency: 700 * time.Millisecond},
		localaws.Fault{Code: "ThrottlingException"}, localaws.Fault{Code: "ExpiredTokenException"}, localaws.Fault{Code: "NoSuchThingException"})
	trouble.Principal, trouble.Operation = operatorARN, pick(r, "", "DescribeSecret", "*GetSecretValue", "BatchGetSecretValue")
	if trouble.Latency == 0 {
		trouble.Every = 1 + r.random.IntN(3)
	}
	r.note("every %d. call of %q: status %d, code %q, cut %t, half %t, latency %s", trouble.Every, trouble.Operation,
		trouble.Status, trouble.Code, trouble.Cut, trouble.Half, trouble.Latency)
	r.env.AWS.SetFaults(trouble)
	return true
}

// heal ends all transient faults.
func (r *run) heal() bool {
	r.note("end faults and throttling")
	r.env.AWS.SetFaults()
	for _, operation := range []string{"DescribeSecret", "GetSecretValue", "BatchGetSecretValue"} {
		r.env.AWS.SetRate(operation, 0)
	}
	return true
}

// allowAll ends all denials; soft ones stay at times.
func (r *run) allowAll() {
	keepSoft := r.chance(50)
	for _, key := range slices.Sorted(maps.Keys(r.rules)) {
		action, _, _ := strings.Cut(key, " ")
		if !keepSoft || !soft(action) {
			r.note("allow %s", key)
			delete(r.rules, key)
		}
	}
	r.env.AWS.SetRules(slices.Collect(maps.Values(r.rules))...)
}

// revived makes every secret readable again, so that everything can be synced.
func (r *run) revived() {
	for _, of := range r.secrets {
		if !isThere(of) {
			r.revive(of)
		}
		for of.labels[current].fields["password"] == "" || strings.HasSuffix(of.labels[current].fields["password"], refusedEnd) {
			r.put(of, r.drawContent(of, plain), current)
		}
	}
}
