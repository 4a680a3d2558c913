import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { lacking } from '../../../test/lacking.ts'
import { long, timeout } from '../../../test/long.ts'
import { openMemoryStore } from '../../store/memory.ts'
import { acm } from '../acm/service.ts'
import { openStubApi } from '../stub-api.fixture.ts'
import { WebAccount } from './account.fixture.ts'
import { elbv2 } from './service.ts'

/**
 * Needs terraform, and a `TF_CLI_CONFIG_FILE` or a network by which `terraform init` finds the provider hashicorp/aws. Each of its runs
 * takes ten seconds of processor time.
 */
test('Terraform makes, changes and deletes what is behind a load balancer, and never plans to change what it just made', {
  timeout,
}, async t => {
  if (!long) return t.skip('takes a minute: SLUICE_LONG=1')
  const account = new WebAccount()
  const store = openMemoryStore(account.state)
  const before = store.read()
  const api = await openStubApi(t, { services: [elbv2, acm], store })
  const cwd = mkdtempSync(join(tmpdir(), 'sluice-terraform-'))
  t.after(() => rmSync(cwd, { recursive: true }))
  const run = promisify(execFile)
  const terraform = (...args: string[]) => run('terraform', [...args, '-no-color'], { cwd })
  const write = (variant: 'first' | 'second') =>
    writeFileSync(join(cwd, 'main.tf'), configuration(api.url, account, variant))

  write('first')
  const error = await terraform('init', '-input=false').then(
    () => undefined,
    (error: Error) => error,
  )
  if (error !== undefined) return lacking(t, `terraform with the provider hashicorp/aws: ${error.message}`)
  for (const variant of ['first', 'second'] as const) {
    write(variant)
    await terraform('apply', '-auto-approve', '-input=false')
    assert.match((await terraform('plan', '-input=false')).stdout, /No changes/)
  }
  await terraform('destroy', '-auto-approve')
  const after = store.read()
  for (const table of ['listeners', 'rules', 'targetGroups', 'certificates'] as const) {
    assert.deepEqual([...after[table].keys()], [...before[table].keys()], table)
  }
})

function configuration(url: string, account: WebAccount, variant: 'first' | 'second'): string {
  const either = (first: string, second: string) => (variant === 'first' ? first : second)
  return `
provider "aws" {
  region                      = "us-east-1"
  access_key                  = "any"
  secret_key                  = "thing"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  endpoints {
    elbv2 = "${url}"
    acm   = "${url}"
  }
}
resource "aws_lb_target_group" "web" {
  name                          = "web"
  port                          = 8080
  protocol                      = "HTTP"
  vpc_id                        = "${account.defaultVpcId}"
  target_type                   = "ip"
  slow_start                    = ${either('30', '0')}
  load_balancing_algorithm_type = "${either('round_robin', 'least_outstanding_requests')}"
  health_check {
    path    = "/up"
    matcher = "${either('200', '200-204')}"
  }
  stickiness {
    type    = "lb_cookie"
    enabled = ${either('true', 'false')}
  }
  tags = { variant = "${variant}" }
}
resource "aws_lb_target_group" "tcp" {
  name        = "tcp"
  port        = 8080
  protocol    = "TCP"
  vpc_id      = "${account.defaultVpcId}"
  target_type = "ip"
  health_check {
    protocol = "${either('TCP', 'HTTP')}"
  }
}
resource "aws_lb_target_group_attachment" "web" {
  target_group_arn  = aws_lb_target_group.web.arn
  target_id         = "${either('10.1.0.1', '10.1.0.2')}"
  availability_zone = "all"
}
resource "aws_acm_certificate" "web" {
  count                     = 2
  domain_name               = "shop\${count.index}.example"
  subject_alternative_names = ["*.shop\${count.index}.example"]
  validation_method         = "DNS"
}
resource "aws_acm_certificate_validation" "web" {
  certificate_arn         = aws_acm_certificate.web[0].arn
  validation_record_fqdns = [for each in aws_acm_certificate.web[0].domain_validation_options : each.resource_record_name]
}
resource "aws_lb_listener" "web" {
  load_balancer_arn = "${account.web}"
  port              = 8443
  protocol          = "${either('HTTP', 'HTTPS')}"
  ${either(
    '',
    `ssl_policy      = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn = aws_acm_certificate_validation.web.certificate_arn`,
  )}
  default_action {
    type  = "forward"
    order = 5
    forward {
      target_group {
        arn = aws_lb_target_group.web.arn
      }
    }
  }
}
resource "aws_lb_listener_certificate" "web" {
  count           = ${either('0', '1')}
  listener_arn    = aws_lb_listener.web.arn
  certificate_arn = aws_acm_certificate.web[1].arn
}
resource "aws_lb_listener_rule" "fixed" {
  listener_arn = aws_lb_listener.web.arn
  priority     = ${either('10', '20')}
  action {
    type = "fixed-response"
    fixed_response {
      content_type = "text/plain"
      status_code  = "${either('404', '503')}"
    }
  }
  condition {
    host_header {
      values = ["*.shop.example"]
    }
  }
  condition {
    ${either('path_pattern {\n values = ["/a/*"]\n }', 'query_string {\n key = "k"\n value = "v"\n }')}
  }
  tags = { variant = "${variant}" }
}
resource "aws_lb_listener_rule" "redirect" {
  listener_arn = aws_lb_listener.web.arn
  action {
    type = "redirect"
    redirect {
      host        = "other.example"
      status_code = "${either('HTTP_301', 'HTTP_302')}"
    }
  }
  condition {
    http_header {
      http_header_name = "X-Old"
      values           = ["yes", "y*"]
    }
  }
}
`
}
