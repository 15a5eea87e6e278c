def daily_changes(values)
  values.each_cons(2).map { |yesterday, today| today - yesterday }
end

daily_changes(gets.split.map(&:to_i)).each do |change|
  puts change.positive? ? "+#{change}" : change
end
