def pass_cost(days, day_ticket, week_pass)
  costs = Array.new(days.length + 1, 0)
  (days.length - 1).downto(0) do |i|
    after_pass = days.index { |day| day >= days[i] + 7 } || days.length
    costs[i] = [costs[i + 1] + day_ticket, costs[after_pass] + week_pass].min
  end
  costs.first
end

day_ticket, week_pass = gets.split.map(&:to_i)
days = gets.split.map(&:to_i)
puts pass_cost(days, day_ticket, week_pass)
