package schedule

import (
	"testing"
	"time"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

func TestWhy(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		generation int64
		token      string
		drifted    bool
		due        time.Duration
		want       Trigger
	}{
		"nothing":                            {1, "", false, time.Second, None},
		"a poll is due":                      {1, "", false, 0, Poll},
		"a poll is overdue":                  {1, "", false, -time.Hour, Poll},
		"a refresh":                          {1, "new", false, time.Second, Refresh},
		"a refresh that was handled":         {1, "old", false, time.Second, None},
		"an edit of the Secret":              {1, "", true, time.Second, Drift},
		"an edit of the Secret, and refresh": {1, "new", true, time.Second, Drift},
		"an edit of the spec":                {2, "", false, time.Second, Spec},
		"everything":                         {2, "new", true, -time.Second, Spec},
	} {
		secretSync, state := &v1alpha1.SecretSync{}, &State{}
		secretSync.Generation, secretSync.Status.ObservedGeneration, secretSync.Status.LastHandledRefresh = test.generation, 1, "old"
		secretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: test.token}
		state.SetNext(now.Add(test.due))
		if got := state.Trigger(secretSync, test.drifted, now); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// A poll may share an answer; a person wants to know how things are now.
func TestWhoMayShareAnAnswer(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		trigger Trigger
		token   string
		shares  bool
	}{
		"a poll":                      {Poll, "", true},
		"a repair":                    {Drift, "", true},
		"a repair and a refresh":      {Drift, "new", false},
		"a refresh":                   {Refresh, "new", false},
		"an edit of the spec":         {Spec, "", false},
		"a poll with a handled token": {Poll, "old", true},
	} {
		secretSync, state := &v1alpha1.SecretSync{}, &State{}
		secretSync.Status.LastHandledRefresh = "old"
		secretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: test.token}
		age := state.Freshness(test.trigger, secretSync, 5*time.Minute, now).Age(now)
		if (age > 0) != test.shares || age > time.Minute {
			t.Errorf("%s takes an answer that is %s old", name, age)
		}
	}
}
