package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// schema is what a type of resource of the AWS provider is: arguments, and attributes that AWS computes.
type schema struct {
	required, optional []string
	// computed has placeholders, in which %s is the value of the argument name.
	computed map[string]string
}

// schemas are those of the AWS provider's version 6, as far as hack/terraform uses them.
func schemas() map[string]schema {
	return map[string]schema{
		"data.aws_caller_identity":         {computed: map[string]string{"account_id": "111122223333"}},
		"data.aws_partition":               {computed: map[string]string{"partition": "aws"}},
		"data.aws_region":                  {computed: map[string]string{"region": "eu-west-1"}},
		"aws_iam_role":                     {[]string{"assume_role_policy"}, []string{"name"}, map[string]string{"arn": "arn:aws:iam::111122223333:role/%s"}},
		"aws_iam_role_policy":              {[]string{"role", "policy"}, []string{"name"}, nil},
		"aws_eks_pod_identity_association": {[]string{"cluster_name", "namespace", "service_account", "role_arn"}, nil, nil},
		"aws_sqs_queue": {nil, []string{"name", "visibility_timeout_seconds", "message_retention_seconds", "sqs_managed_sse_enabled", "redrive_policy"},
			map[string]string{"arn": "arn:aws:sqs:eu-west-1:111122223333:%s", "id": "https://sqs.eu-west-1.amazonaws.com/111122223333/%s"}},
		"aws_sqs_queue_policy": {[]string{"queue_url", "policy"}, nil, nil},
		// Either event_pattern or schedule_expression is required.
		"aws_cloudwatch_event_rule":   {[]string{"event_pattern"}, []string{"name"}, map[string]string{"arn": "arn:aws:events:eu-west-1:111122223333:rule/%s"}},
		"aws_cloudwatch_event_target": {[]string{"rule", "arn"}, nil, nil},
	}
}

// resource gives the value of a resource or data source in expressions: an object, or a list of objects with count.
func (m *module) resource(n node) (cty.Value, error) {
	kind, name := n.path[0], n.path[1]
	data := kind == "data"
	if data {
		kind, name = "data."+n.path[1], n.path[2]
	}
	known, exists := schemas()[kind]
	if !exists {
		return cty.NilVal, fmt.Errorf("resources of the type %s are not supported", kind)
	}
	for _, block := range n.body.Blocks {
		if block.Type != "lifecycle" {
			return cty.NilVal, fmt.Errorf("there is no block %s", block.Type)
		}
		if err := m.check(block.Body, "precondition"); err != nil {
			return cty.NilVal, err
		}
	}
	arguments, err := m.argumentsOf(n.body, known)
	if err != nil {
		return cty.NilVal, err
	}
	attributes := maps.Clone(arguments)
	for attribute, placeholder := range known.computed {
		if named, has := arguments["name"]; has {
			placeholder = fmt.Sprintf(placeholder, named.AsString())
		}
		attributes[attribute] = cty.StringVal(placeholder)
	}
	count := n.body.Attributes["count"]
	if count == nil {
		if !data {
			m.arguments[kind+"."+name] = cty.ObjectVal(arguments)
		}
		return cty.ObjectVal(attributes), nil
	}
	counted, problems := count.Expr.Value(m.context())
	if problems.HasErrors() {
		return cty.NilVal, problems
	}
	if counted.RawEquals(cty.NumberIntVal(0)) {
		return cty.EmptyTupleVal, nil
	}
	if !counted.RawEquals(cty.NumberIntVal(1)) {
		return cty.NilVal, fmt.Errorf("a count other than 0 or 1 is not supported")
	}
	m.arguments[kind+"."+name] = cty.ObjectVal(arguments)
	return cty.TupleVal([]cty.Value{cty.ObjectVal(attributes)}), nil
}

// argumentsOf evaluates arguments, and refuses unknown and missing ones. Those of a resource with the count 0 are not
// evaluated, as in Terraform: they may refer to others that do not exist either.
func (m *module) argumentsOf(body *hclsyntax.Body, known schema) (map[string]cty.Value, error) {
	for _, argument := range known.required {
		if body.Attributes[argument] == nil {
			return nil, fmt.Errorf("the argument %s is required", argument)
		}
	}
	none := false
	if count := body.Attributes["count"]; count != nil {
		counted, problems := count.Expr.Value(m.context())
		if problems.HasErrors() {
			return nil, problems
		}
		none = counted.RawEquals(cty.NumberIntVal(0))
	}
	values := map[string]cty.Value{}
	for argument, attribute := range body.Attributes {
		if argument == "count" {
			continue
		}
		if !slices.Contains(known.required, argument) && !slices.Contains(known.optional, argument) {
			return nil, fmt.Errorf("there is no argument %s", argument)
		}
		if none {
			continue
		}
		value, problems := attribute.Expr.Value(m.context())
		if problems.HasErrors() {
			return nil, problems
		}
		values[argument] = value
	}
	return values, nil
}
