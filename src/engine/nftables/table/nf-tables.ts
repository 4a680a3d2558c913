/** Numbers of the kernel's nf_tables (include/uapi/linux/netfilter/nf_tables.h), by the kernel's own names. */

export const NFPROTO_INET = 1
export const NF_DROP = 0
export const NF_ACCEPT = 1

export const NFT_MSG_NEWTABLE = 0
export const NFT_MSG_GETTABLE = 1
export const NFT_MSG_DELTABLE = 2
export const NFT_MSG_NEWCHAIN = 3
export const NFT_MSG_GETCHAIN = 4
export const NFT_MSG_DELCHAIN = 5
export const NFT_MSG_NEWRULE = 6
export const NFT_MSG_GETRULE = 7
export const NFT_MSG_DELRULE = 8
export const NFT_MSG_NEWSET = 9
export const NFT_MSG_GETSET = 10
export const NFT_MSG_DELSET = 11
export const NFT_MSG_NEWSETELEM = 12
export const NFT_MSG_GETSETELEM = 13
export const NFT_MSG_DELSETELEM = 14
export const NFT_MSG_NEWOBJ = 18
export const NFT_MSG_GETOBJ = 19
export const NFT_MSG_DELOBJ = 20

export const NFTA_LIST_ELEM = 1

export const NFTA_TABLE_NAME = 1
export const NFTA_TABLE_FLAGS = 2
export const NFTA_TABLE_HANDLE = 4
export const NFTA_TABLE_USERDATA = 6
export const NFTA_TABLE_OWNER = 7
export const NFT_TABLE_F_OWNER = 2
export const NFT_TABLE_F_PERSIST = 4

export const NFTA_CHAIN_TABLE = 1
export const NFTA_CHAIN_NAME = 3
export const NFTA_CHAIN_HOOK = 4
export const NFTA_CHAIN_POLICY = 5
export const NFTA_CHAIN_TYPE = 7
export const NFTA_HOOK_HOOKNUM = 1
export const NFTA_HOOK_PRIORITY = 2

export const NFTA_RULE_TABLE = 1
export const NFTA_RULE_CHAIN = 2
export const NFTA_RULE_EXPRESSIONS = 4
export const NFTA_RULE_USERDATA = 7

export const NFTA_SET_TABLE = 1
export const NFTA_SET_NAME = 2
export const NFTA_SET_FLAGS = 3
export const NFTA_SET_KEY_TYPE = 4
export const NFTA_SET_KEY_LEN = 5
export const NFTA_SET_DATA_TYPE = 6
export const NFTA_SET_DATA_LEN = 7
export const NFTA_SET_DESC = 9
export const NFTA_SET_ID = 10
export const NFTA_SET_TIMEOUT = 11
export const NFTA_SET_USERDATA = 13
export const NFTA_SET_EXPR = 17
export const NFTA_SET_DESC_SIZE = 1
export const NFTA_SET_DESC_CONCAT = 2
export const NFTA_SET_FIELD_LEN = 1
export const NFT_SET_INTERVAL = 4
export const NFT_SET_MAP = 8
export const NFT_SET_TIMEOUT = 0x10
export const NFT_SET_EVAL = 0x20
export const NFT_SET_CONCAT = 0x80
export const NFT_DATA_VERDICT = 0xffffff00

export const NFTA_SET_ELEM_LIST_TABLE = 1
export const NFTA_SET_ELEM_LIST_SET = 2
export const NFTA_SET_ELEM_LIST_ELEMENTS = 3
export const NFTA_SET_ELEM_KEY = 1
export const NFTA_SET_ELEM_DATA = 2
export const NFTA_SET_ELEM_FLAGS = 3
export const NFTA_SET_ELEM_USERDATA = 6
export const NFTA_SET_ELEM_EXPR = 7
export const NFTA_SET_ELEM_KEY_END = 10
export const NFT_SET_ELEM_INTERVAL_END = 1

export const NFTA_DATA_VALUE = 1
export const NFTA_DATA_VERDICT = 2
export const NFTA_VERDICT_CODE = 1
export const NFTA_VERDICT_CHAIN = 2
export const NFT_JUMP = -3
export const NFT_GOTO = -4
export const NFT_RETURN = -5

export const NFTA_OBJ_TABLE = 1
export const NFTA_OBJ_NAME = 2
export const NFTA_OBJ_TYPE = 3
export const NFTA_OBJ_DATA = 4
export const NFT_OBJECT_COUNTER = 1
export const NFT_OBJECT_CT_TIMEOUT = 7
export const NFTA_COUNTER_BYTES = 1
export const NFTA_COUNTER_PACKETS = 2
export const NFTA_CT_TIMEOUT_L3PROTO = 1
export const NFTA_CT_TIMEOUT_L4PROTO = 2
export const NFTA_CT_TIMEOUT_DATA = 3

export const NFTA_EXPR_NAME = 1
export const NFTA_EXPR_DATA = 2

/** 16 bytes each; the words that they are made of have numbers of their own, from NFT_REG32_00 on. */
export const NFT_REG_VERDICT = 0
export const NFT_REG32_00 = 8

export const NFT_PAYLOAD_NETWORK_HEADER = 1
export const NFT_PAYLOAD_TRANSPORT_HEADER = 2
export const NFTA_PAYLOAD_DREG = 1
export const NFTA_PAYLOAD_BASE = 2
export const NFTA_PAYLOAD_OFFSET = 3
export const NFTA_PAYLOAD_LEN = 4

export const NFTA_META_DREG = 1
export const NFTA_META_KEY = 2
export const NFT_META_MARK = 3
export const NFT_META_IIF = 4
export const NFT_META_OIF = 5
export const NFT_META_NFPROTO = 15
export const NFT_META_L4PROTO = 16

export const NFTA_CT_DREG = 1
export const NFTA_CT_KEY = 2
export const NFTA_CT_DIRECTION = 3
export const NFTA_CT_SREG = 4
export const NFT_CT_STATE = 0
export const NFT_CT_DIRECTION = 1
export const NFT_CT_STATUS = 2
export const NFT_CT_MARK = 3
export const NFT_CT_PROTO_DST = 12
export const NFT_CT_SRC_IP = 19
export const NFT_CT_DST_IP = 20
export const NFT_CT_SRC_IP6 = 21
export const NFT_CT_DST_IP6 = 22
export const IP_CT_DIR_ORIGINAL = 0
export const IP_CT_DIR_REPLY = 1

export const NFTA_EXTHDR_TYPE = 2
export const NFTA_EXTHDR_OP = 6
export const NFT_EXTHDR_OP_TCPOPT = 1
/** RFC 7323 */
export const TCPOPT_TIMESTAMP = 8

/** nf_nat.h */
export const NFTA_FIB_DREG = 1
export const NFTA_FIB_RESULT = 2
export const NFTA_FIB_FLAGS = 3
export const NFT_FIB_RESULT_OIF = 1
export const NFT_FIB_RESULT_ADDRTYPE = 3
export const NFTA_FIB_F_SADDR = 1
export const NFTA_FIB_F_IIF = 8

export const NFTA_BITWISE_SREG = 1
export const NFTA_BITWISE_DREG = 2
export const NFTA_BITWISE_LEN = 3
export const NFTA_BITWISE_MASK = 4
export const NFTA_BITWISE_XOR = 5

export const NFTA_BYTEORDER_SREG = 1
export const NFTA_BYTEORDER_DREG = 2
export const NFTA_BYTEORDER_OP = 3
export const NFTA_BYTEORDER_LEN = 4
export const NFTA_BYTEORDER_SIZE = 5
export const NFT_BYTEORDER_HTON = 1

export const NFTA_CMP_SREG = 1
export const NFTA_CMP_OP = 2
export const NFTA_CMP_DATA = 3
export const NFT_CMP_EQ = 0
export const NFT_CMP_NEQ = 1
export const NFT_CMP_LTE = 3
export const NFT_CMP_GTE = 5

export const NFTA_LOOKUP_SET = 1
export const NFTA_LOOKUP_SREG = 2
export const NFTA_LOOKUP_DREG = 3
export const NFTA_LOOKUP_FLAGS = 5
export const NFT_LOOKUP_F_INV = 1

export const NFTA_DYNSET_SET_NAME = 1
export const NFTA_DYNSET_OP = 3
export const NFTA_DYNSET_SREG_KEY = 4
export const NFT_DYNSET_OP_ADD = 0

export const NFTA_HASH_SREG = 1
export const NFTA_HASH_DREG = 2
export const NFTA_HASH_LEN = 3
export const NFTA_HASH_MODULUS = 4
export const NFTA_HASH_SEED = 5
export const NFTA_HASH_TYPE = 7
export const NFT_HASH_JENKINS = 0

export const NFTA_IMMEDIATE_DREG = 1
export const NFTA_IMMEDIATE_DATA = 2

export const NFTA_NAT_TYPE = 1
export const NFTA_NAT_FAMILY = 2
export const NFTA_NAT_REG_ADDR_MIN = 3
export const NFTA_NAT_REG_PROTO_MIN = 5
export const NFT_NAT_SNAT = 0
export const NFT_NAT_DNAT = 1

export const NFTA_OBJREF_IMM_TYPE = 1
export const NFTA_OBJREF_IMM_NAME = 2

export const NFTA_REJECT_TYPE = 1
export const NFTA_REJECT_ICMP_CODE = 2
export const NFT_REJECT_TCP_RST = 1

export const NFTA_SYNPROXY_MSS = 1
export const NFTA_SYNPROXY_WSCALE = 2
export const NFTA_SYNPROXY_FLAGS = 3
/** nf_synproxy.h */
export const NF_SYNPROXY_OPT_MSS = 1
export const NF_SYNPROXY_OPT_WSCALE = 2
export const NF_SYNPROXY_OPT_SACK_PERM = 4
export const NF_SYNPROXY_OPT_TIMESTAMP = 8
