class ParkingLot
  def initialize(places)
    @cars = Array.new(places)
  end

  def enter(car)
    move(nil, car) || "full"
  end

  def leave(car)
    move(car, nil)
  end

  private

  def move(old, new)
    place = @cars.index(old)
    return unless place

    @cars[place] = new
    place + 1
  end
end

def parking_lot(places, commands)
  lot = ParkingLot.new(places)
  commands.map { |command, car| command == "in" ? lot.enter(car) : lot.leave(car) }
end

places = gets.to_i
puts parking_lot(places, $stdin.readlines.map(&:split))
