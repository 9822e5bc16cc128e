package notify

import (
	"context"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// An event from the future would count as later than every change until then. Clocks differ by some minutes at most.
func TestTheTimeOfAnEventFromTheFutureIsIgnored(t *testing.T) {
	for ahead, used := range map[time.Duration]bool{-time.Hour: true, 0: true, maxClockSkew: true, maxClockSkew + time.Second: false, 70 * 365 * 24 * time.Hour: false} {
		f := newFixture(t, two)
		f.now = noon.Add(-ahead) // The event is of noon.
		var changes []Change
		f.consumer.feed.Notify = func(_ context.Context, _ []types.NamespacedName, change Change) error {
			changes = append(changes, change)
			return nil
		}
		result := f.consumer.feed.take(t.Context(), []byte(put))
		if len(changes) != 1 || changes[0].Time.IsZero() == used {
			t.Errorf("%s ahead: the changes are %+v", ahead, changes)
		}
		if (result.age < 0) == used {
			t.Errorf("%s ahead: the age is %s", ahead, result.age)
		}
	}
}
