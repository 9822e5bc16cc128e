package model

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// longestPause is the longest time between two steps.
const longestPause = 80 * time.Millisecond

// kinds are the kinds of steps, each with a weight: how often it is drawn. If a step is not possible at present,
// another one is drawn.
func (r *run) kinds() []stepKind {
	return []stepKind{
		{20, r.rotate}, {5, r.stage}, {6, r.rollBack}, {4, r.moveLabel}, {8, r.moveFollowed}, {10, r.flip},
		{3, r.markForDeletion}, {4, r.deleteForGood}, {9, r.bringBack},
		{4, r.deny}, {4, r.allow}, {2, r.throttle}, {3, r.fault}, {3, r.heal},
		{3, r.goStale}, {2, r.freshen}, {6, r.waver},
		{5, r.deliver}, {3, r.flush}, {3, r.deliverWell}, {1, r.loseQueue}, {4, r.restoreQueue}, {1, r.denyQueue}, {1, r.faultQueue}, {2, r.editPoll},
		{1, r.stop}, {1, r.kill}, {10, r.comeBack}, // Rarely, as a restart hides many errors.
		{4, r.editKey}, {3, r.dropKey}, {2, r.addKey}, {3, r.deleteSecret}, {3, r.dropLabel}, {2, r.playWithShared}, {3, r.editMerged},
		{6, r.editSource}, {3, r.editData}, {4, r.editMore}, {3, r.editShape}, {3, r.observe}, {5, r.endObserving}, {2, r.editPolicy}, {2, r.rename}, {2, r.suspend}, {6, r.resume},
		{3, r.deleteSync}, {5, r.recreateSync}, {2, r.refresh},
	}
}

// stepKind is a kind of step; take says whether the step was possible.
type stepKind struct {
	weight int
	take   func() bool
}

// step takes one step.
func (r *run) step() {
	r.Helper()
	kinds, sum := r.kinds(), 0
	for _, step := range kinds {
		sum += step.weight
	}
	for taken := false; !taken; {
		drawn := r.random.IntN(sum)
		for _, step := range kinds {
			if drawn -= step.weight; drawn < 0 {
				taken = step.take()
				break
			}
		}
	}
	r.pause(longestPause)
}

// chance is true with a probability in percent.
func (r *run) chance(percent int) bool { return r.random.IntN(100) < percent }

// anyOf draws an element for which a condition holds.
func anyOf[T any](r *run, all []T, holds func(T) bool) (drawn T, found bool) {
	var fitting []T
	for _, candidate := range all {
		if holds == nil || holds(candidate) {
			fitting = append(fitting, candidate)
		}
	}
	if len(fitting) == 0 {
		return drawn, false
	}
	return fitting[r.random.IntN(len(fitting))], true
}

func pick[T any](r *run, all ...T) T { return all[r.random.IntN(len(all))] }

// shape is the format of a value.
type shape string

const (
	plain       shape = "object"
	lean        shape = "object without password"
	shapeText   shape = "text"
	shapeBinary shape = "binary"
	broken      shape = "broken object"
)

func (r *run) drawShape() shape {
	switch drawn := r.random.IntN(100); {
	case drawn < 82:
		return plain
	case drawn < 86:
		return lean
	case drawn < 92:
		return shapeText
	case drawn < 95:
		return shapeBinary
	}
	return broken
}

// drawContent makes the content of a secret's next version, with unique values.
func (r *run) drawContent(of *awsSecret, format shape) content {
	where := fmt.Sprintf("%s life %d v%d", of.name, of.life, len(of.versions)+1)
	if isGone(of) {
		where = fmt.Sprintf("%s life %d v1", of.name, of.life+1)
	}
	switch format {
	case shapeText, shapeBinary:
		return content{text: r.value(where), binary: format == shapeBinary}
	case broken:
		return content{text: `{"password": "` + r.value(where), broken: true}
	}
	made := content{fields: map[string]string{"username": r.value(where + " username")}}
	raw := map[string]any{"username": made.fields["username"]}
	if format == plain {
		made.fields["password"] = r.value(where + " password")
		raw["password"] = made.fields["password"]
		r.origins[base64.StdEncoding.EncodeToString([]byte("pw:"+made.fields["password"]))] = where + " password, by a template"
	}
	for _, name := range []string{"host", "dbname"} {
		if r.chance(30) {
			made.fields[name] = r.value(where + " " + name)
			raw[name] = made.fields[name]
		}
	}
	if r.chance(50) {
		port := r.random.Int64N(1e15)
		made.fields["port"] = fmt.Sprint(port)
		raw["port"] = port
		r.origins[made.fields["port"]] = where + " port"
	}
	if r.chance(25) { // Null gives an empty value.
		made.fields["note"], raw["note"] = "", nil
	}
	encoded, err := json.Marshal(raw)
	if err != nil {
		r.Fatal(err)
	}
	made.text = string(encoded)
	r.origins[made.text] = where
	return made
}

// value makes a unique value and records where it comes from.
func (r *run) value(origin string) string {
	made := "model-" + hex.EncodeToString(r.bytes(12))
	r.origins[made] = origin
	return made
}

func (r *run) bytes(many int) []byte {
	made := make([]byte, many)
	for i := range made {
		made[i] = byte(r.random.UintN(256))
	}
	return made
}

// versionID looks like AWS's own.
func (r *run) versionID() string {
	random := hex.EncodeToString(r.bytes(16))
	return random[:8] + "-" + random[8:12] + "-" + random[12:16] + "-" + random[16:20] + "-" + random[20:]
}

// drawSpec makes a spec for a slot.
func (r *run) drawSpec(of *slot) spec {
	drawn := spec{target: of.names()[0], merge: of.merge, retain: r.chance(30), poll: pick(r, often, often, alone, rarely)}
	if !of.merge && r.chance(15) {
		drawn.target = of.names()[1]
	}
	drawn.data = r.drawData(of)
	r.drawSource(&drawn)
	r.drawShapeOf(of, &drawn)
	r.drawMore(of, &drawn)
	return drawn
}

// drawShapeOf chooses what is rendered from the values, and how the Secret is kept.
func (r *run) drawShapeOf(of *slot, drawn *spec) {
	drawn.guarded, drawn.made, drawn.alone, drawn.former, drawn.immutable = false, "", false, false, false
	hasPassword := len(drawn.data) == 0 || drawn.data[0].Key == "password"
	if of.merge || !hasPassword {
		return
	}
	drawn.immutable = r.chance(12)
	if r.chance(20) {
		drawn.made, drawn.alone = madeKey, r.chance(40)
	}
	drawn.guarded = !drawn.alone && r.chance(25)
	drawn.former = len(drawn.data) == 0 && r.chance(25)
}

// drawMore chooses further entries, rarely more than two. A spec with whole secrets among them lists its own keys.
func (r *run) drawMore(of *slot, drawn *spec) {
	drawn.more = nil
	if len(drawn.data) == 0 || r.chance(40) {
		return
	}
	for range 1 + r.random.IntN(3) {
		next := r.drawEntry(of, drawn)
		if !slices.ContainsFunc(drawn.more, func(other specEntry) bool { return other.key == next.key && other.prefix == next.prefix }) {
			drawn.more = append(drawn.more, next)
		}
	}
	// The operator reads entries of data first, and reports them first.
	slices.SortStableFunc(drawn.more, func(a, b specEntry) int { return strings.Compare(b.key, a.key) })
	if last := &drawn.more[len(drawn.more)-1]; last.prefix != "" && r.chance(50) {
		// The same keys of another secret. Its keys do not say which of the two they are from, so neither is optional.
		last.optional = false
		over := specEntry{reading: reading{from: pick(r, r.secrets...), label: pick(r, current, current, previous)}, prefix: last.prefix, overrides: true}
		over.id = over.from.name
		drawn.more = append(drawn.more, over)
	}
}

// drawEntry makes an entry; its keys are named after what it reads.
func (r *run) drawEntry(of *slot, beside *spec) specEntry {
	made := specEntry{reading: reading{from: pick(r, r.secrets...), label: pick(r, current, current, current, previous, live, blue, pending)}, optional: r.chance(50)}
	made.id = made.from.name
	if r.chance(40) {
		made.beside, made.from, made.id, made.life = true, beside.from, beside.id, beside.life
	}
	where := strings.ReplaceAll(strings.TrimPrefix(made.from.name, "/model/"), "/", "-") + "-" + made.label + "-"
	if !of.merge && r.chance(30) {
		made.prefix = where
		return made
	}
	made.property = pick(r, "username", "username", "password", "host", "")
	made.key = where + pick(r, "x", "y") + made.property
	if of.merge {
		made.key = of.name + "-" + made.key
	}
	return made
}

// drawSource chooses a secret, how to name it, and which label to follow.
func (r *run) drawSource(of *spec) {
	of.from = pick(r, r.secrets...)
	of.more = nil // Some entries read the same secret.
	of.id, of.life, of.label, of.pinned = of.from.name, 0, "", nil
	switch arn := of.from.arn; r.random.IntN(5) {
	case 0:
		of.id, of.life = arn, of.from.life
	case 1:
		of.id = arn[:len(arn)-len("-a1B2c3")]
	}
	switch drawn := r.random.IntN(100); {
	case drawn < 60:
		of.label = current
	case drawn < 70:
		of.label = previous
	case drawn < 78:
		of.label = pending
	case drawn < 90:
		of.label = pick(r, live, live, blue)
	case len(of.from.versions) > 0:
		of.pinned = pick(r, of.from.versions...)
	default:
		of.label = current
	}
}

// drawData chooses keys. Keys that are merged into a shared Secret are always listed, with names of the slot's own.
func (r *run) drawData(of *slot) []v1alpha1.DataKey {
	if of.merge {
		keys := []v1alpha1.DataKey{{Key: of.name + "-user", Property: "username"}, {Key: of.name + "-password", Property: "password"}, {Key: of.name + "-all"}}
		return keys[r.random.IntN(2) : 2+r.random.IntN(2)]
	}
	switch r.random.IntN(5) {
	case 0:
		return []v1alpha1.DataKey{{Key: "DB_USER", Property: "username"}, {Key: "DB_PASSWORD", Property: "password"}}
	case 1:
		return []v1alpha1.DataKey{{Key: "password", Property: "password"}, {Key: "all.json"}}
	}
	return nil
}
