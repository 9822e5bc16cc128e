output "role_arn" {
  description = "Value of the annotation eks.amazonaws.com/role-arn of the ServiceAccount, for IRSA."
  value       = aws_iam_role.operator.arn
}

output "queue_url" {
  description = "Value of changeEvents.queueURL of the chart. Null without change events."
  value       = one(aws_sqs_queue.changes[*].id)
}
