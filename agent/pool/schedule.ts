import { DAYS } from '../../schema/pool.ts'

const MINUTES_A_DAY = 24 * 60

/** Day of the week, 0 = Sunday, and minute of the day. */
export interface Moment {
  day: number
  minute: number
}

/** The moment in a time zone. */
export function momentIn(timeZone: string, date: Date): Moment {
  const parts = new Intl.DateTimeFormat('en-GB', { timeZone, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).formatToParts(date)
  const part = (type: string): string => parts.find((each) => each.type === type)?.value ?? ''
  return { day: DAYS.findIndex((day) => day === part('weekday').toLowerCase()), minute: Number(part('hour')) * 60 + Number(part('minute')) }
}

/** Whether any window is open. A window that ends before it begins belongs to the day on which it begins and goes on into the next. */
export function isOpen(windows: readonly string[], { day, minute }: Moment): boolean {
  return windows.some((text) => {
    const [days = '', times = ''] = text.split(' ')
    const [from = 0, to = 0] = times.split('-').map(minuteOf)
    const listed = daysIn(days)
    if (from < to) return listed.has(day) && minute >= from && minute < to
    return (listed.has(day) && minute >= from) || (listed.has((day + 6) % 7) && minute < to)
  })
}

/** `mon-wed,sat` as numbers; `sat-mon` goes over the weekend. */
function daysIn(text: string): ReadonlySet<number> {
  return new Set(text.split(',').flatMap((part) => {
    const [first = 0, last = first] = part.split('-').map((name) => DAYS.findIndex((day) => day === name))
    return Array.from({ length: (last - first + 7) % 7 + 1 }, (_, index) => (first + index) % 7)
  }))
}

function minuteOf(time: string): number {
  const [hour = 0, minute = 0] = time.split(':').map(Number)
  return Math.min(MINUTES_A_DAY, hour * 60 + minute)
}
