/**
 * The newest bytes of what a container wrote. Docker sends stdout and stderr in one stream of frames: `[1 or 2, 0, 0, 0, length]`, the length
 * in four bytes, big-endian, then so many bytes of output.
 */
export async function newestOutput(frames: AsyncIterable<Buffer>, bytes: number): Promise<Buffer> {
  let output: Buffer[] = []
  let size = 0
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of frames) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (let end = endOfFrame(rest); end <= rest.length; end = endOfFrame(rest)) {
      output.push(rest.subarray(HEADER, end))
      size += end - HEADER
      rest = rest.subarray(end)
    }
    // Now and then, so that a long log is neither kept nor copied over and over.
    if (size > 2 * bytes + 65_536) {
      output = [newest(output, bytes)]
      size = bytes
    }
  }
  return newest(output, bytes)
}

const HEADER = 8

function endOfFrame(buffer: Buffer): number {
  return buffer.length < HEADER ? Number.POSITIVE_INFINITY : HEADER + buffer.readUInt32BE(4)
}

function newest(output: readonly Buffer[], bytes: number): Buffer {
  const whole = Buffer.concat(output)
  return whole.subarray(Math.max(0, whole.length - bytes))
}
