import { serviceContract } from '../service.contract.ts'
import { ec2 } from './service.ts'

serviceContract(ec2)
