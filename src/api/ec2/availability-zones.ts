import type {
  AvailabilityZone,
  DescribeAvailabilityZonesRequest,
  DescribeAvailabilityZonesResult,
} from '@aws-sdk/client-ec2'
import type { Call } from '../call.ts'
import { type FilterTable, filtered } from './filters.ts'
import { invalidValue } from './resources.ts'

interface Zone {
  readonly zoneName: string
  readonly zoneId: string
}

/** This host's own two zones and, for designs that name Amazon's, three of the region. */
export function availabilityZones(region: string): readonly Zone[] {
  const place = regionAbbreviation(region)
  return [
    { zoneName: 'local-1a', zoneId: 'loc1-az1' },
    { zoneName: 'local-1b', zoneId: 'loc1-az2' },
    ...['a', 'b', 'c'].map((letter, i) => ({ zoneName: region + letter, zoneId: `${place}-az${i + 1}` })),
  ]
}

export function zoneIdOf(zoneName: string | undefined, region: string): string | undefined {
  return availabilityZones(region).find(zone => zone.zoneName === zoneName)?.zoneId
}

/** `us-east-1` is `use1`, `ap-southeast-2` is `apse2` (AWS: Availability Zone IDs). */
function regionAbbreviation(region: string): string {
  const [area, ...words] = region.split('-')
  return [
    area,
    ...words.map(word => (/^(north|south)(east|west)$/.test(word) ? word.charAt(0) + word[5] : word[0])),
  ].join('')
}

const filters: FilterTable<AvailabilityZone> = {
  'group-name': zone => zone.GroupName,
  'network-border-group': zone => zone.NetworkBorderGroup,
  'opt-in-status': zone => zone.OptInStatus,
  'region-name': zone => zone.RegionName,
  state: zone => zone.State,
  'zone-id': zone => zone.ZoneId,
  'zone-name': zone => zone.ZoneName,
  'zone-type': zone => zone.ZoneType,
}

export function DescribeAvailabilityZones(
  input: DescribeAvailabilityZonesRequest,
  call: Call,
): DescribeAvailabilityZonesResult {
  const zones = availabilityZones(call.region)
  const names = input.ZoneNames ?? []
  const ids = input.ZoneIds ?? []
  const unknown = [
    ...names.filter(name => !zones.some(zone => zone.zoneName === name)),
    ...ids.filter(id => !zones.some(zone => zone.zoneId === id)),
  ]
  if (unknown.length > 0) throw invalidValue(`Invalid availability zone: [${unknown.join(', ')}]`)
  const chosen = zones
    .filter(zone => names.length === 0 || names.includes(zone.zoneName))
    .filter(zone => ids.length === 0 || ids.includes(zone.zoneId))
  const described = chosen.map(zone => describe(zone, call.region))
  return { AvailabilityZones: filtered(described, input.Filters, filters) }
}

function describe(zone: Zone, region: string): AvailabilityZone {
  return {
    State: 'available',
    OptInStatus: 'opt-in-not-required',
    Messages: [],
    RegionName: region,
    ZoneName: zone.zoneName,
    ZoneId: zone.zoneId,
    GroupName: region,
    NetworkBorderGroup: region,
    ZoneType: 'availability-zone',
  }
}
