def to_minutes(clock)
  hours, minutes = clock.split(":").map(&:to_i)
  60 * hours + minutes
end

def free_time(meetings)
  free = 0
  busy_until = to_minutes("09:00")
  meetings.sort.each do |start, finish|
    free += start - busy_until if start > busy_until
    busy_until = [busy_until, finish].max
  end
  free + to_minutes("17:00") - busy_until
end

meetings = $stdin.map { |line| line.split("-").map { |clock| to_minutes(clock) } }
puts free_time(meetings)
