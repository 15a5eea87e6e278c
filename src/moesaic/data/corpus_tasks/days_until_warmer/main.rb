def days_until_warmer(temperatures)
  waits = Array.new(temperatures.length, 0)
  stack = []
  temperatures.each_with_index do |temperature, day|
    while stack.any? && temperatures[stack.last] < temperature
      cold_day = stack.pop
      waits[cold_day] = day - cold_day
    end
    stack.push(day)
  end
  waits
end

temperatures = gets.split.map(&:to_i)
puts days_until_warmer(temperatures).join(" ")
