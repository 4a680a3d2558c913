/** The example of `--tasks`: a service in two colours behind the load balancer "hello", for CodeDeploy to deploy. */
import { readFileSync } from 'node:fs'
import { clients } from './example.ts'
import type { Options } from './options.ts'

const productionPort = 8090
const testPort = 8091
const cluster = 'default'
const service = 'shop'
/** The names that `aws ecs deploy` looks for where it is told none. */
const application = `AppECS-${cluster}-${service}`
const deploymentGroup = `DgpECS-${cluster}-${service}`
const directory = new URL('../../examples/shop/', import.meta.url)

/** True where it was set up by an earlier start, and not taken away altogether. */
export async function deploymentExampleIsSetUp(url: string, options: Options): Promise<boolean> {
  const { codedeploy } = await clients(url, options)
  const { applications = [] } = await codedeploy.listApplications({})
  return applications.includes(application)
}

/** Sets it up through the API, as a user would. The load balancer "hello" is there. */
export async function setUpDeploymentExample(url: string, options: Options): Promise<void> {
  const { elbv2, ec2, ecs, codedeploy } = await clients(url, options)
  const { LoadBalancers = [] } = await elbv2.describeLoadBalancers({ Names: ['hello'] })
  const [{ LoadBalancerArn = '', VpcId = '', SecurityGroups = [] } = {}] = LoadBalancers
  await ec2.authorizeSecurityGroupIngress({
    GroupId: SecurityGroups[0],
    IpPermissions: [
      { IpProtocol: 'tcp', FromPort: productionPort, ToPort: testPort, IpRanges: [{ CidrIp: '0.0.0.0/0' }] },
    ],
  })
  const group = async (colour: string): Promise<string> => {
    const { TargetGroups = [] } = await elbv2.createTargetGroup({
      Name: `${service}-${colour}`,
      Protocol: 'TCP',
      Port: productionPort,
      VpcId,
      TargetType: 'ip',
      HealthCheckIntervalSeconds: 5,
      HealthyThresholdCount: 2,
    })
    const TargetGroupArn = String(TargetGroups[0]?.TargetGroupArn)
    const Attributes = [{ Key: 'deregistration_delay.timeout_seconds', Value: '5' }]
    await elbv2.modifyTargetGroupAttributes({ TargetGroupArn, Attributes })
    return TargetGroupArn
  }
  const blue = await group('blue')
  await group('green')
  const listener = async (Port: number): Promise<string> => {
    const DefaultActions = [{ Type: 'forward', TargetGroupArn: blue }] as const
    const { Listeners = [] } = await elbv2.createListener({
      LoadBalancerArn,
      Protocol: 'TCP',
      Port,
      DefaultActions: [...DefaultActions],
    })
    return String(Listeners[0]?.ListenerArn)
  }
  const [production, test] = [await listener(productionPort), await listener(testPort)]
  const { taskDefinition } = await ecs.registerTaskDefinition(
    JSON.parse(readFileSync(new URL('task-definition.json', directory), 'utf8')),
  )
  await ecs.createService({
    serviceName: service,
    taskDefinition: taskDefinition?.taskDefinitionArn,
    desiredCount: 2,
    deploymentController: { type: 'CODE_DEPLOY' },
    loadBalancers: [{ targetGroupArn: blue, containerName: service, containerPort: productionPort }],
  })
  await codedeploy.createApplication({ applicationName: application, computePlatform: 'ECS' })
  await codedeploy.createDeploymentGroup({
    applicationName: application,
    deploymentGroupName: deploymentGroup,
    deploymentConfigName: 'CodeDeployDefault.ECSAllAtOnce',
    serviceRoleArn: `arn:aws:iam::${options.account}:role/deploy`,
    deploymentStyle: { deploymentType: 'BLUE_GREEN', deploymentOption: 'WITH_TRAFFIC_CONTROL' },
    ecsServices: [{ clusterName: cluster, serviceName: service }],
    loadBalancerInfo: {
      targetGroupPairInfoList: [
        {
          targetGroups: [{ name: `${service}-blue` }, { name: `${service}-green` }],
          prodTrafficRoute: { listenerArns: [production] },
          testTrafficRoute: { listenerArns: [test] },
        },
      ],
    },
    blueGreenDeploymentConfiguration: {
      deploymentReadyOption: { actionOnTimeout: 'CONTINUE_DEPLOYMENT', waitTimeInMinutes: 0 },
      terminateBlueInstancesOnDeploymentSuccess: { action: 'TERMINATE', terminationWaitTimeInMinutes: 5 },
    },
  })
}

/** Instead of the hints, which would lead to whoever has the ports. */
export const deploymentHindered = `
The service "${service}" is set up, but not every listener is in place: bin/sluice doctor says why.
`

/** What to try with it, for the terminal. */
export const deploymentHints = ({ tasks }: Options): string => `
The service "${service}" runs behind it in version v1${
  tasks === 'docker'
    ? `, once there is an image for it; any that has node will do:
  docker pull node:alpine; docker tag node:alpine ${service}:v1; docker tag node:alpine ${service}:v2`
    : ':'
}
  while sleep 0.2; do curl -s http://127.0.0.1:${productionPort}/; done    in a terminal of its own (${testPort}: the test listener)
  sed s/v1/v2/ examples/shop/task-definition.json > v2.json
  aws ecs deploy --service ${service} --task-definition v2.json --codedeploy-appspec examples/shop/appspec.yaml
`
