//! The schemas that come with the connector. Names, files, fields and types are those of the Java connector, because flows
//! are built on them; what the fields hold is our own.

/// A schema by name.
#[derive(Debug)]
pub(crate) struct Quickstart {
    pub(crate) name: &'static str,
    /// Name under which `schema.filename` finds it, too.
    pub(crate) file: &'static str,
    /// Avro schema with `arg.properties`.
    pub(crate) schema: &'static str,
    /// The field that becomes the key.
    pub(crate) key_field: &'static str,
}

macro_rules! quickstart {
    ($name:literal, $file:literal, $key:literal) => {
        Quickstart {
            name: $name,
            file: $file,
            schema: include_str!(concat!("../schemas/", $file)),
            key_field: $key,
        }
    };
}

/// All of them, in the order in which messages list them.
pub(crate) const QUICKSTARTS: &[Quickstart] = &[
    quickstart!("clickstream_codes", "clickstream_codes_schema.avro", "code"),
    quickstart!("clickstream", "clickstream_schema.avro", "ip"),
    quickstart!("clickstream_users", "clickstream_users_schema.avro", "user_id"),
    quickstart!("orders", "orders_schema.avro", "orderid"),
    quickstart!("ratings", "ratings_schema.avro", "rating_id"),
    quickstart!("users", "users_schema.avro", "userid"),
    quickstart!("users_", "users_array_map_schema.avro", "userid"),
    quickstart!("pageviews", "pageviews_schema.avro", "viewtime"),
    quickstart!("stock_trades", "stock_trades_schema.avro", "symbol"),
    quickstart!("inventory", "inventory.avro", "id"),
    quickstart!("product", "product.avro", "id"),
    quickstart!("purchases", "purchase.avro", "id"),
    quickstart!("transactions", "transactions.avro", "transaction_id"),
    quickstart!("stores", "stores.avro", "store_id"),
    quickstart!("credit_cards", "credit_cards.avro", "card_id"),
    quickstart!("campaign_finance", "campaign_finance.avro", "candidate_id"),
    quickstart!("fleet_mgmt_description", "fleet_mgmt_description.avro", "vehicle_id"),
    quickstart!("fleet_mgmt_location", "fleet_mgmt_location.avro", "vehicle_id"),
    quickstart!("fleet_mgmt_sensors", "fleet_mgmt_sensors.avro", "vehicle_id"),
    quickstart!("pizza_orders", "pizza_orders.avro", "store_id"),
    quickstart!("pizza_orders_completed", "pizza_orders_completed.avro", "store_id"),
    quickstart!("pizza_orders_cancelled", "pizza_orders_cancelled.avro", "store_id"),
    quickstart!("insurance_offers", "insurance_offers.avro", "offer_id"),
    quickstart!("insurance_customers", "insurance_customers.avro", "customer_id"),
    quickstart!(
        "insurance_customer_activity",
        "insurance_customer_activity.avro",
        "activity_id"
    ),
    quickstart!("gaming_games", "gaming_games.avro", "id"),
    quickstart!("gaming_players", "gaming_players.avro", "player_id"),
    quickstart!("gaming_player_activity", "gaming_player_activity.avro", "player_id"),
    quickstart!("payroll_employee", "payroll_employee.avro", "employee_id"),
    quickstart!(
        "payroll_employee_location",
        "payroll_employee_location.avro",
        "employee_id"
    ),
    quickstart!("payroll_bonus", "payroll_bonus.avro", "employee_id"),
    quickstart!("syslog_logs", "syslog_logs.avro", "host"),
    quickstart!("device_information", "device_information.avro", "device_ip"),
    quickstart!("siem_logs", "siem_logs.avro", "hostname"),
    quickstart!("shoes", "shoes.avro", "id"),
    quickstart!("shoe_customers", "shoe_customers.avro", "id"),
    quickstart!("shoe_orders", "shoe_orders.avro", "order_id"),
    quickstart!("shoe_clickstream", "shoe_clickstream.avro", "product_id"),
];

/// A quickstart by its name, in any case.
pub(crate) fn by_name(name: &str) -> Option<&'static Quickstart> {
    QUICKSTARTS.iter().find(|known| known.name.eq_ignore_ascii_case(name))
}

/// A quickstart by the name of its file.
pub(crate) fn by_file(file: &str) -> Option<&'static Quickstart> {
    QUICKSTARTS.iter().find(|known| known.file == file)
}

/// All names, separated by commas.
pub(crate) fn names() -> String {
    let names: Vec<&str> = QUICKSTARTS.iter().map(|known| known.name).collect();
    names.join(",")
}
