package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/cmd/kubectl-secretsync/doctor"
)

// doctorOptions are the flags of doctor.
type doctorOptions struct {
	all, noAWS, list  bool
	only              string
	operatorNamespace string
}

func newDoctor(c *cli) *cobra.Command {
	var options doctorOptions
	command := &cobra.Command{
		Use:   "doctor [NAME]",
		Short: "Say why SecretSyncs do not work, and what fixes it",
		Long: "Say why SecretSyncs do not work, and what fixes it: of each, the first thing that is broken, from the installation to\n" +
			"the Secret, without what follows from it. Exits with 1 if something is broken, and with 3 if nothing is, but something\n" +
			"was not checked: a right is missing, or AWS or the cluster did not answer.\n\n" +
			"It changes nothing and reads no value. It looks with your own rights in the cluster, and asks AWS with your own\n" +
			"credentials (secretsmanager:DescribeSecret), unless --no-aws is given.",
		Example: "  kubectl secretsync doctor db -n payments\n  kubectl secretsync doctor -A",
		Args:    cobra.MaximumNArgs(1),
		ValidArgsFunction: func(command *cobra.Command, names []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return c.completeNames(command.Context(), len(names)), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(command *cobra.Command, names []string) error {
			return c.doctor(command.Context(), names, options)
		},
	}
	flags := command.Flags()
	flags.BoolVarP(&options.all, "all-namespaces", "A", false, "the SecretSyncs of all namespaces")
	flags.BoolVar(&options.noAWS, "no-aws", false, "do not ask AWS")
	flags.StringVar(&options.only, "only", "", "run only the check with this id")
	flags.BoolVar(&options.list, "list-checks", false, "list the checks, and run none")
	flags.StringVar(&options.operatorNamespace, "operator-namespace", "secretsync-system", "namespace of the operator, if you may not look in all namespaces")
	_ = command.RegisterFlagCompletionFunc("only", cobra.FixedCompletions(checkIDs(), cobra.ShellCompDirectiveNoFileComp))
	return command
}

// completeNames are the SecretSyncs of the namespace, for a command line without a name.
func (c *cli) completeNames(ctx context.Context, given int) (names []cobra.Completion) {
	k, err := c.cluster()
	if err != nil || given > 0 {
		return nil
	}
	var page v1alpha1.SecretSyncList
	if k.List(ctx, &page, client.InNamespace(k.namespace), client.Limit(pageSize)) != nil {
		return nil
	}
	for i := range page.Items {
		names = append(names, page.Items[i].Name)
	}
	return names
}

// checkIDs are the ids of all checks, with what they are about, for completion.
func checkIDs() (all []cobra.Completion) {
	for _, known := range doctor.All() {
		all = append(all, cobra.CompletionWithDesc(known.ID, known.About))
	}
	return all
}

func (o *doctorOptions) verify(names []string) error {
	known := o.only == ""
	for _, listed := range doctor.All() {
		known = known || listed.ID == o.only
	}
	switch {
	case !known:
		return usage("--only %q is not a check: see --list-checks", o.only)
	case o.all && len(names) > 0:
		return usage("--all-namespaces is for lists: leave out the name or the flag")
	}
	return nil
}

func (c *cli) doctor(ctx context.Context, names []string, options doctorOptions) error {
	if err := options.verify(names); err != nil {
		return err
	}
	if options.list {
		return c.listChecks()
	}
	k, err := c.cluster()
	if err != nil {
		return err
	}
	facts, asked := c.newDoctorFacts(ctx, k, options)
	results, err := k.diagnoses(ctx, facts, names, options)
	if err != nil {
		return err
	}
	return c.printDiagnoses(ctx, k, asked, results, options)
}

func (c *cli) listChecks() error {
	shown := table{header: []string{"CHECK", "ABOUT"}}
	var names []string
	for _, known := range doctor.All() {
		shown.rows = append(shown.rows, []string{known.ID, known.About})
		names = append(names, known.ID)
	}
	return c.print(report{Kind: "Checks", Items: doctor.All()}, shown, names)
}

// diagnoses examines a SecretSync, or those of a namespace or of all. Without any, the installation is examined alone.
func (k *cluster) diagnoses(ctx context.Context, facts *doctor.Facts, names []string, options doctorOptions) (all []doctor.Diagnosis, err error) {
	if len(names) == 1 {
		found := &v1alpha1.SecretSync{}
		err := k.Get(ctx, client.ObjectKey{Namespace: k.namespace, Name: names[0]}, found)
		switch {
		case err != nil && objectName(err) != "" && client.IgnoreNotFound(err) == nil:
			return nil, refused(err)
		case err != nil:
			return []doctor.Diagnosis{facts.Unreadable(err)}, nil
		}
		return []doctor.Diagnosis{facts.Examine(ctx, found, options.only)}, nil
	}
	namespace, next := k.namespace, client.Continue("")
	if options.all {
		namespace = ""
	}
	for {
		var page v1alpha1.SecretSyncList
		if err := k.List(ctx, &page, client.InNamespace(namespace), client.Limit(pageSize), next); err != nil {
			return []doctor.Diagnosis{facts.Unreadable(err)}, nil
		}
		for i := range page.Items {
			all = append(all, facts.Examine(ctx, &page.Items[i], options.only))
		}
		if next = client.Continue(page.Continue); next == "" {
			break
		}
	}
	if len(all) == 0 {
		all = append(all, facts.Alone(ctx, k.namespace))
	}
	return all, nil
}

func (c *cli) printDiagnoses(ctx context.Context, k *cluster, asked *account, results []doctor.Diagnosis, options doctorOptions) error {
	r := report{Kind: "Doctor", Items: results}
	code := exitWell
	var names []string
	for i := range results {
		for _, right := range results[i].Needs() {
			r.addMissing(missingRight(right))
		}
		switch results[i].Verdict {
		case doctor.Broken:
			code = worst(exitTrouble, code)
		case doctor.Unknown:
			code = worst(code, exitUndetermined)
		}
		_, name, _ := strings.Cut(results[i].Object, "/")
		names = append(names, name)
	}
	var err error
	switch {
	case c.structured():
		r.As.Kubernetes = k.user(ctx)
		if asked != nil {
			r.As.AWS = asked.user(ctx)
		}
		err = c.print(r, table{}, nil)
	case c.output == formatName:
		err = c.print(r, table{}, names)
	case c.output == formatWide || options.only != "":
		err = c.printTable(checkTable(results), true)
	default:
		err = c.printCauses(results)
	}
	if err == nil && !c.structured() {
		c.sayDiagnoses(results)
	}
	if err != nil {
		return err
	}
	return ended(code)
}

// addMissing adds a right that is missing, once.
func (r *report) addMissing(right missingRight) {
	if slices.Contains(r.Incomplete, right) {
		return
	}
	r.Incomplete = append(r.Incomplete, right)
}

// checkTable has each check of each object.
func checkTable(results []doctor.Diagnosis) table {
	shown := table{header: []string{"OBJECT", "CHECK", "STATUS", "EVIDENCE"}}
	for i := range results {
		for n := range results[i].Checks {
			found := &results[i].Checks[n]
			shown.rows = append(shown.rows, []string{results[i].Object, found.ID, string(found.Status), strings.Join(strings.Fields(found.Evidence), " ")})
		}
	}
	return shown
}

// sayDiagnoses says, beside the data, what the diagnoses add up to.
func (c *cli) sayDiagnoses(results []doctor.Diagnosis) {
	counts := map[doctor.Status]int{}
	for i := range results {
		counts[results[i].Verdict]++
	}
	text := fmt.Sprintf("%d of %d broken", counts[doctor.Broken], len(results))
	if counts[doctor.Warning] > 0 {
		text += fmt.Sprintf(", %d with a warning", counts[doctor.Warning])
	}
	if counts[doctor.Unknown] > 0 {
		text += fmt.Sprintf(", %d not checked completely", counts[doctor.Unknown])
	}
	c.say("%s", text)
}
