"""The forecasting service: demand sources in, forecasts out. It knows no cluster and no plan."""
